"""paho-mqtt: a client with its own network thread, which hears what it publishes."""

import queue

import paho.mqtt.client as mqtt


def call(server, number):
    heard = queue.Queue()
    topic = f"greenbridge/{number}"
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    client.on_connect = lambda *args: client.subscribe(topic)
    client.on_subscribe = lambda *args: client.publish(topic, str(number))
    client.on_message = lambda client, userdata, message: heard.put(message.payload)
    client.connect(server.host, server.port)
    client.loop_start()
    try:
        return int(heard.get(timeout=10))
    finally:
        client.disconnect()
        client.loop_stop()
