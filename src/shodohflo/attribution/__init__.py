"""Attribution of packets to client and service: decoded packets in, observations and counts out.

`order` is the only place in the project that states what becomes of a packet; `questions` holds its conditions in both
forms, `policy` the settings that they look at. `results` turns decisions into observations and counts, `ledger` adds
the counts up, and `pipeline` runs all of it over frames. This package must not know sockets, clocks, processes, the
store, or where frames come from; time is a column of the frames. Importing the package loads none of its modules.
"""
