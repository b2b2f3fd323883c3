"""What every service has: who may call it, its health, its one client, one place for logs.

Imports no other room of ours, but for what puts them together: `parts`, `stack`, `stack_settings`.
"""
