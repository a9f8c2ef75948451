##! The message in hand. Its events come one after another, with none of another message's
##! between them, so what is known of it stands in globals, and it has ended when the next
##! one begins. (Zeek's own ``dns_end`` says so too, for a twentieth of all the work.)

@load ./main

module PANO;

# Whether it is DNS that we watch; otherwise its events are passed by.
global watching = F;

global flow: connection;
global head: dns_msg;
global length = 0;
global seen_at: time;

# The number of its connection and its id, which find the transaction.
global pair_key = 0;

# Whether its question was read, and it found its place.
global taken = T;

# Its record, whether that takes in answers, and whether it goes out when the message ends.
global reading: Info;
global growing = F;
global due = F;
