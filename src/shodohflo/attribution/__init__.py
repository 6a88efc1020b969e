"""Who is the client of what: the order of decisions, the policy beside the rules, the ledger, and the pipeline.

Pure: no sockets, no clock, no store. Import the modules; importing this package loads none of them.
"""
