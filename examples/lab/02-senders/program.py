#en The same signal in many ways. The program blocks USR1: so it waits, and one
#en can look where. Then sigwaitinfo takes it, and tells what a handler in
#en Python never gets to see: who sent it.
#es La misma señal por muchas vías. El programa bloquea USR1: así espera, y se
#es puede mirar dónde. Luego sigwaitinfo la recoge y cuenta lo que un manejador
#es en Python nunca llega a ver: quién la envió.
import ctypes
import os
import signal
import threading

USR1 = signal.SIGUSR1
signal.pthread_sigmask(signal.SIG_BLOCK, [USR1])


#en Where does it wait: for this thread alone, or for the whole process?
#es ¿Dónde espera: solo para este hilo, o para todo el proceso?
def look():
    with open("/proc/self/status") as status:
        for line in status:
            name, _, mask = line.partition(":")
            if name in ("SigPnd", "ShdPnd") and int(mask, 16) & 1 << USR1 - 1:
                return "for the thread" if name == "SigPnd" else "for the process"


def take(how, waits=""):
    sender = signal.sigwaitinfo([USR1]).si_pid
    who = {os.getpid(): "myself", os.getppid(): "supervise"}.get(sender, "another")
    print(f"{how:<17} from {sender}, {who:<10} {waits}")


print("my pid is", os.getpid())
signal.raise_signal(USR1)
take("raise_signal", look())
signal.pthread_kill(threading.main_thread().ident, USR1)
take("pthread_kill", look())
os.kill(os.getpid(), USR1)
take("os.kill", look())

child = os.fork()
if child == 0:
    os.kill(os.getppid(), USR1)
    os._exit(0)
take("a child")
os.waitpid(child, 0)

#en To supervise, which records it and passes it on to us: with kill(2), for the
#en process, and with tgkill(2), for its first thread.
#es A supervise, que la registra y nos la reenvía: con kill(2), para el proceso,
#es y con tgkill(2), para su primer hilo.
boss = os.getppid()
os.kill(boss, USR1)
take("to supervise")
if hasattr(ctypes.CDLL(None), "tgkill"):
    ctypes.CDLL(None).tgkill(boss, boss, USR1)
    take("to its thread")

print("ready: now you, to supervise and then straight to me")
take("terminal 1")
take("terminal 2")
