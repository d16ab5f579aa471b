#en Five of each: of a standard signal, and of a real-time one.
#es Cinco de cada: de una señal estándar, y de una de tiempo real.
import os
import signal

USR1, RT = signal.SIGUSR1, signal.SIGRTMIN + 1
WAKE = {signal.SIGUSR2}

signal.pthread_sigmask(signal.SIG_BLOCK, {USR1, RT} | WAKE)
print("ready: USR1 and RTMIN+1 are blocked, and wait until I get USR2")
signal.sigwait(WAKE)

taken = {USR1: 0, RT: 0}
order = []
while info := signal.sigtimedwait({USR1, RT}, 0):
    taken[info.si_signo] += 1
    order.append("USR1" if info.si_signo == USR1 else "RTMIN+1")
print(f"   USR1 was sent five times, and waited {taken[USR1]} time")
print(f"   RTMIN+1 was sent five times, and waited {taken[RT]} times")
print("   they came out as", " ".join(order))

#en Now with a handler. The kernel delivers all five; and yet ...
#es Ahora con un manejador. El núcleo entrega las cinco; y aun así...
count = 0


def on_rt(number, frame):
    global count
    count += 1


signal.signal(RT, on_rt)
for _ in range(5):
    os.kill(os.getpid(), RT)
signal.pthread_sigmask(signal.SIG_UNBLOCK, {RT})
print(f"   RTMIN+1 five times more: the handler in Python ran {count} time")
