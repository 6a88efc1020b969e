"""Questions about a configuration, answered from the same compiled rules that decide live packets. Pure."""
