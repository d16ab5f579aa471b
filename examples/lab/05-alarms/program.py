#en ALRM: the signal that a process orders for itself.
#es ALRM: la señal que un proceso encarga para sí mismo.
import signal
import time

begin = time.monotonic()


def on_alarm(number, frame):
    print(f"   ALRM after {time.monotonic() - begin:.2f} s")


signal.signal(signal.SIGALRM, on_alarm)

print("alarm(1): once, in whole seconds")
signal.alarm(1)
signal.pause()

print("setitimer(0.2, 0.1): after 0.2 s, and then each 0.1 s")
begin = time.monotonic()
signal.setitimer(signal.ITIMER_REAL, 0.2, 0.1)
for _ in range(4):
    signal.pause()

print("one timer only: alarm(60) takes the place of the other")
signal.alarm(60)
time.sleep(0.3)
print(f"   no tick in 0.3 s; it would strike in {signal.getitimer(signal.ITIMER_REAL)[0]:.0f} s")
signal.setitimer(signal.ITIMER_REAL, 0)
print("   and now it is off")

begin = time.monotonic()
print("ready: anybody may send ALRM, with no timer at all")
signal.pause()

print("without a handler, ALRM does what most signals do")
signal.signal(signal.SIGALRM, signal.SIG_DFL)
signal.setitimer(signal.ITIMER_REAL, 0.3)
time.sleep(5)
print("   nobody reads this")
