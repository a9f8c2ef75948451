# @TEST-DOC: Kafka without its plugin ends Zeek with a word about the cure.
#
# @TEST-EXEC-FAIL: zeek -b $PACKAGE PANO::kafka=T >out 2>&1
# @TEST-EXEC: grep -q "PANO::kafka needs the plugin Seiso::Kafka: install it with zkg" out
