# @TEST-DOC: What cannot be done as told ends Zeek with the option's name and the cure.
#
# @TEST-EXEC-FAIL: zeek -b $PACKAGE PANO::publish_always=T PANO::batch_records=0 >records 2>&1
# @TEST-EXEC: grep -q "fatal error.*PANO::batch_records=0, .*: both must be more than 0" records
# @TEST-EXEC-FAIL: zeek -b $PACKAGE PANO::broker_port=47761/tcp PANO::websocket_port=47761/tcp >port 2>&1
# @TEST-EXEC: grep -q "fatal error.*PANO::websocket_port: cannot listen on 127.0.0.1 port 47761/tcp: choose a port that is free" port
