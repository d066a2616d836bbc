"""The bus that carries frames and requests: ports, with adapters for NATS and for one process's memory."""
