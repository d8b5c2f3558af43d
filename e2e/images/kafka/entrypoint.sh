#!/bin/sh
# Runs one Kafka broker that is its own controller (KRaft). Formats its storage the first time.
#
#   KAFKA_ADVERTISED          host:port that clients inside the cluster use; default: this host's name and port 9092
#   KAFKA_ADVERTISED_OUTSIDE  host:port of port 9094 for clients outside the cluster, such as a node's address and a NodePort
#   KAFKA_CFG_A_B_C=value     further broker settings: a.b.c=value
#   KAFKA_HEAP                Java heap; default 512m
set -eu
data=${KAFKA_DATA:-/data}
file=/tmp/server.properties
listeners=INSIDE://:9092,CONTROLLER://localhost:9093
advertised=INSIDE://${KAFKA_ADVERTISED:-$(hostname):9092}
if [ -n "${KAFKA_ADVERTISED_OUTSIDE:-}" ]; then
  listeners=$listeners,OUTSIDE://:9094
  advertised=$advertised,OUTSIDE://$KAFKA_ADVERTISED_OUTSIDE
fi
cat >"$file" <<END
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@localhost:9093
controller.listener.names=CONTROLLER
inter.broker.listener.name=INSIDE
listener.security.protocol.map=INSIDE:PLAINTEXT,OUTSIDE:PLAINTEXT,CONTROLLER:PLAINTEXT
listeners=$listeners
advertised.listeners=$advertised
log.dirs=$data
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
END
env | sed -n 's/^KAFKA_CFG_//p' | while IFS='=' read -r name value; do
  printf '%s=%s\n' "$(printf %s "$name" | tr 'A-Z_' 'a-z.')" "$value" >>"$file"
done
export CLASSPATH='/opt/kafka/libs/*' # Java itself expands it
java="java -Dlog4j2.configurationFile=/opt/kafka/log4j2.properties"
if [ ! -e "$data/meta.properties" ]; then
  $java -Xmx128m kafka.tools.StorageTool format --cluster-id "$($java -Xmx128m kafka.tools.StorageTool random-uuid)" --config "$file"
fi
exec $java -Xms"${KAFKA_HEAP:-512m}" -Xmx"${KAFKA_HEAP:-512m}" -XX:+UseG1GC -XX:+ExitOnOutOfMemoryError kafka.Kafka "$file"
