#en Exercise 1: a program that counts.
#en   USR1   print "count 1", then "count 2" ...
#en   HUP    is ignored
#en   TERM   print "bye after N", and end with status 0
#es Ejercicio 1: un programa que cuenta.
#es   USR1   imprime "count 1", luego "count 2"...
#es   HUP    se ignora
#es   TERM   imprime "bye after N" y termina con código de salida 0
import signal
import time

#en TODO: the handlers, and signal.signal for each of the three signals
#es TODO: los manejadores, y signal.signal para cada una de las tres señales

print("ready")
while True:
    time.sleep(0.1)
