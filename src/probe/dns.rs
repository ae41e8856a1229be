//! DNS: what a name server answers, over UDP and TCP.
