"""A helper that does as it is told, also what no helper should do.

Arguments: how it says hello, and how it takes to being closed. Requests are lines of JSON,
{"id": n, "do": what, "text": ...}, and so are answers, {"id": n, "text": ...} or
{"id": n, "error": ...}.
"""

import json
import os
import signal
import sys
import threading
import time

hello, closing = (sys.argv[1:] + ["ok", "ok"])[:2]
held, texts = [], []


def say(**message):
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def words(text):
    sys.stdout.write(text)
    sys.stdout.flush()


can = ["echo", "fail", "hold", "close"]
if hello == "late":
    time.sleep(0.15)
elif hello == "mute":
    time.sleep(1000)
elif hello == "exit":
    sys.stderr.write("out of order\n")
    sys.exit(3)
elif hello == "empty":
    can = []
elif hello == "unable":
    can = ["echo", "close"]
elif hello == "junk":
    words("this is no hello" + "!" * 500 + "\n")
elif hello == "no-close":
    can = ["echo", "hold"]
elif hello == "changing":
    # Another incarnation can do other things.
    if os.path.exists("seen"):
        can = ["hold"]
    open("seen", "w").close()
elif hello == "once":
    # Only the first incarnation starts.
    if os.path.exists("seen"):
        sys.exit(4)
    open("seen", "w").close()
say(unknown="field", can=can)
if hello == "twice":
    say(can=can)

for line in sys.stdin:
    request = json.loads(line)
    id, do, text = request.get("id"), request.get("do"), request.get("text", "")
    if "cancel" in request:
        open("cancelled", "a").write("%d\n" % request["cancel"])
    elif do == "echo":
        say(id=id, text=text)
    elif do == "fail":
        say(id=id, error=text)
    elif do == "hold":
        held.append(id)
        texts.append(text)
        if text:
            say(note="holds")
    elif do == "release":
        for other in reversed(held):
            say(id=other, text="released")
        held.clear()
        say(id=id, text="")
    elif do == "later":
        threading.Timer(0.2, say, kwargs={"id": id, "text": "late"}).start()
    elif do == "exit later":
        threading.Timer(0.2, os._exit, args=[5]).start()
    elif do == "number":
        say(id=id, text=str(id))
    elif do == "texts":
        say(id=id, text=" ".join(texts))
    elif do == "count":
        say(id=id, text=str(len(held)))
    elif do == "words":
        words(text + "\n")
        say(id=id, text="said")
    elif do == "long":
        words("x" * int(text) + "\n")
        say(id=id, text="said")
    elif do == "stranger":
        say(id=1000000, text="")
    elif do == "twice":
        say(id=id, text="first")
        say(id=id, text="second")
    elif do == "exit":
        sys.stderr.write("dying of %s\n" % text)
        sys.exit(5)
    elif do == "signal":
        os.kill(os.getpid(), int(text))
    elif do == "hang up":
        sys.stdout.flush()
        os.close(1)
        time.sleep(1000)
    elif do == "deaf":
        say(id=id, text="deaf")
        time.sleep(1000)
    elif do == "notices":
        words('{"note": "nothing new"}\n' * int(text))
        say(id=id, text="told")
    elif do == "flood":
        sys.stderr.write("a line of the flood\n" * int(text))
        sys.stderr.flush()
        say(id=id, text="flooded")
    elif do == "close":
        if closing == "exit":
            sys.exit(0)
        elif closing == "noted":
            open("closed", "w").close()
            say(id=id, text="")
        elif closing == "error":
            say(id=id, error="disk full")
        elif closing != "silent":
            say(id=id, text="")

if closing == "lazy":
    while True:
        time.sleep(1000)
if closing == "nine":
    sys.exit(9)
