"""What a call costs at the gate, against peers doing the same job on the same core in the same run.

`make bench` measures CPU time per call, the highest rate with no failed call and the added set-up
delay. `python -m bench.kill` kills the gate under load and compares the callee's log with the
ledger; `python -m bench.memory` compares memory after 10,000 and 100,000 calls. `bench.overload`
offers more than can be served, `bench.strangers` is a scanner. All traffic stays
on 127.0.0.1, all files in `build/`. `sipgate` imports nothing from here; from it only the command
is used. Messages are as long as those of real phones and carriers (600 to 700 bytes for an INVITE).
"""
