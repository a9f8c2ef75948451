##! PANO: one enriched dns.log record for every DNS transaction.

@load ./main
@load ./messages
@load ./answers
@load ./stats
@load ./subscribers
@load ./broker
@load ./kafka
@load ./stock

# Bare mode means that nobody else's scripts run here: a dedicated sensor. Beside
# Zeek's default scripts the global settings are the user's and stay as they are.
@if ( bare_mode() )
@load ./sensor
@endif
