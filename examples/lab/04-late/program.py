#en USR1 three times: in one long call into C, in many short ones, in a sleep.
#es USR1 tres veces: en una llamada larga a C, en muchas cortas, en un sueño.
import signal
import time


def on_usr1(number, frame):
    print("   the handler runs")


signal.signal(signal.SIGUSR1, on_usr1)

#en How much can be summed in a second?
#es ¿Cuánto se puede sumar en un segundo?
begin = time.perf_counter()
sum(range(2_000_000))
a_second = int(2_000_000 / (time.perf_counter() - begin))

print("1: one call that computes for about a second")
total = sum(range(a_second))
print("   the call has returned")
time.sleep(0.5)

print("2: the same in a hundred pieces")
total = 0
for piece in range(100):
    first = piece * a_second // 100
    total += sum(range(first, first + a_second // 100))
print("   all pieces are done")
time.sleep(0.5)

print("3: a sleep of a second")
time.sleep(1)
print("   the sleep is over, and was as long as it was to be")
