##! PANO: one enriched dns.log record for every DNS transaction.

@load ./main
@load ./logs
@load ./rotation
@load ./messages
@load ./resync
@load ./answers
@load ./edns
@load ./unreachable
@load ./weirds
@load ./stats
@load ./subscribers
@load ./broker
@load ./kafka

# Bare mode means that nobody else's scripts run here: a dedicated sensor. Beside
# Zeek's default scripts the global settings are the user's and stay as they are.
@if ( bare_mode() )
@load ./sensor
@endif
