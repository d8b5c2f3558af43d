import socket

from e2e.demo.reach import Door, free_port, node_port_service


def test_a_node_port_service_selects_the_pods_of_the_door():
    made = node_port_service(Door("reach-s3", {"app": "seaweedfs"}, "seaweedfs", 8333))
    assert made["spec"]["selector"] == {"app": "seaweedfs"}
    assert made["spec"]["type"] == "NodePort"
    assert made["spec"]["ports"] == [{"port": 8333, "targetPort": 8333}]


def test_a_free_port_can_be_taken():
    port = free_port()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
