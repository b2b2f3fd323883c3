"""What every service has: who may call it, its health, its one client, one place for logs.

Imports no other room of ours.
"""
