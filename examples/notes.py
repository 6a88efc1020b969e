from shodohflo.pcap_config import NetworkEnumeration, FlowMapping, \
                                  OUR_4NETS, SRC, DST, Assign, LowerPort

NETWORK_ENUMERATION = NetworkEnumeration(
            (   'our_nets',      OUR_4NETS          ),
            (   'bert',         '10.0.0.1/32'       ),
            (   'ernie',        '10.0.0.2/32'       ),
            (   'external',     '0.0.0.0/0'         )
        )
FLOW_MAPPING = FlowMapping(
            (    None,      'our_nets',     LowerPort( SRC )                            ),
            (   'our_nets',  None,          LowerPort( DST )                            ),
            (   'external', 'bert',         Assign( DST, SRC, { 53 }, drop=True )       ),
            (   'external', 'bert',         Assign( SRC, DST, { 80, 443 }, drop=True )  ),
            (    None,      'bert',         LowerPort()                                 ),
            (    None,      'ernie',        LowerPort()                                 )
        )

# Up to here as it stands in the notes. What `shodohflo check` finds in it, and why it is left at that:
ACCEPTED_FINDINGS = {
    "SPOOFABLE-DROP FLOW_MAPPING[2]": "bert's resolver asks servers anywhere, and a firewall upstream lets in no others",
}
