"""Evidence: what the packets themselves show about which end of a flow is the service, and who knocks in vain.

`ladder` is the only place that states the order in which evidence is asked, `facts` what it asks. What becomes of a
batch, in this order:

    evidence        holds all tables, and takes in a batch: begin to read there
    conversations   arranges its rows by flows
    settled         leaves out the rows of flows about which they say nothing new
    flows           what a flow has shown, and which verdict was written for it
    openings        the opening segments of TCP, as a state by flow (`handshakes`), from packets in order (`events`)
    answers         requests and responses of UDP
    telling         what flows have to tell to the tables of known ends and addresses: `services`, `known`, `hints`
    verdicts        asks the ladder, through `lookup`, and follows up: corrections, and grades of the rules (`grading`)

Beside them, `knocks` and `origins` sum up attempts that led to nothing, and `doors` passes these what they need. This
package must not know sockets, the store, or how rules are written; time is a column of the packets. Importing the
package loads none of its modules.
"""
