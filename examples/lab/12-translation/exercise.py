#en Exercise 12: one signal for a graceful end, one for a fast one, as nginx does.
#en   QUIT   print "draining", finish the job at hand, begin no other, status 0
#en   TERM   print "fast", and end at once, status 0
#es Ejercicio 12: una señal para acabar en orden y otra para acabar ya, como nginx.
#es   QUIT   imprime "draining", acaba el trabajo en curso, no empieces otro, código 0
#es   TERM   imprime "fast" y termina enseguida, código 0
import signal
import sys
import time


def job():
    print("job begins")
    for n in range(1, 6):
        time.sleep(0.1)
        print("step", n)
    print("job done")


#en TODO: the handlers
#es TODO: los manejadores

print("ready")
#en TODO: how does this loop end?
#es TODO: ¿cómo acaba este bucle?
while True:
    job()
