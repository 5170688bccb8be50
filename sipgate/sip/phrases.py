"""Reason phrases: RFC 3261 §21 and IANA's registry of response codes."""

PHRASES: dict[int, bytes] = {
    100: b"Trying",
    180: b"Ringing",
    181: b"Call Is Being Forwarded",
    182: b"Queued",
    183: b"Session Progress",
    199: b"Early Dialog Terminated",  # RFC 6228
    200: b"OK",
    202: b"Accepted",  # RFC 6665
    204: b"No Notification",  # RFC 5839
    300: b"Multiple Choices",
    301: b"Moved Permanently",
    302: b"Moved Temporarily",
    305: b"Use Proxy",
    380: b"Alternative Service",
    400: b"Bad Request",
    401: b"Unauthorized",
    402: b"Payment Required",
    403: b"Forbidden",
    404: b"Not Found",
    405: b"Method Not Allowed",
    406: b"Not Acceptable",
    407: b"Proxy Authentication Required",
    408: b"Request Timeout",
    410: b"Gone",
    412: b"Conditional Request Failed",  # RFC 3903
    413: b"Request Entity Too Large",
    414: b"Request-URI Too Long",
    415: b"Unsupported Media Type",
    416: b"Unsupported URI Scheme",
    417: b"Unknown Resource-Priority",  # RFC 4412
    420: b"Bad Extension",
    421: b"Extension Required",
    422: b"Session Interval Too Small",  # RFC 4028
    423: b"Interval Too Brief",
    424: b"Bad Location Information",  # RFC 6442
    425: b"Bad Alert Message",  # RFC 8876
    428: b"Use Identity Header",  # RFC 8224
    429: b"Provide Referrer Identity",  # RFC 3892
    430: b"Flow Failed",  # RFC 5626
    433: b"Anonymity Disallowed",  # RFC 5079
    436: b"Bad Identity Info",  # RFC 8224
    437: b"Unsupported Credential",  # RFC 8224
    438: b"Invalid Identity Header",  # RFC 8224
    439: b"First Hop Lacks Outbound Support",  # RFC 5626
    440: b"Max-Breadth Exceeded",  # RFC 5393
    469: b"Bad Info Package",  # RFC 6086
    470: b"Consent Needed",  # RFC 5360
    480: b"Temporarily Unavailable",
    481: b"Call/Transaction Does Not Exist",
    482: b"Loop Detected",
    483: b"Too Many Hops",
    484: b"Address Incomplete",
    485: b"Ambiguous",
    486: b"Busy Here",
    487: b"Request Terminated",
    488: b"Not Acceptable Here",
    489: b"Bad Event",  # RFC 6665
    491: b"Request Pending",
    493: b"Undecipherable",
    494: b"Security Agreement Required",  # RFC 3329
    500: b"Server Internal Error",
    501: b"Not Implemented",
    502: b"Bad Gateway",
    503: b"Service Unavailable",
    504: b"Server Time-out",
    505: b"Version Not Supported",
    513: b"Message Too Large",
    555: b"Push Notification Service Not Supported",  # RFC 8599
    580: b"Precondition Failure",  # RFC 3312
    600: b"Busy Everywhere",
    603: b"Decline",
    604: b"Does Not Exist Anywhere",
    606: b"Not Acceptable",
    607: b"Unwanted",  # RFC 8197
    608: b"Rejected",  # RFC 8688
}
