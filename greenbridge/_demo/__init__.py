"""What ``python -m greenbridge demo`` runs: a blocking client, its server, ways to run it.

``client``, ``server`` and ``worker`` are programs, each started in a process of its own.
The certificate and key in this folder are for this demo only: they are published with
the library, so they prove nothing and protect nothing.
"""
