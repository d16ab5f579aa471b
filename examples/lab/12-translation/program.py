#en Two stand-ins that do with signals what the real programs do, and the real
#en ones: nginx, postgres, real-nginx, real-postgres.
#es Dos sustitutos que hacen con las señales lo mismo que los programas reales,
#es y los reales: nginx, postgres, real-nginx, real-postgres.
import glob
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time


#en One request is being answered; that takes a second.
#es Se está respondiendo una petición; tarda un segundo.
def nginx():
    asked = None

    def on_quit(number, frame):
        nonlocal asked
        asked = "QUIT"
        print("QUIT: no new requests; this one is answered")

    def on_term(number, frame):
        print("TERM: fast shutdown, and the request is cut off")
        sys.exit(0)

    signal.signal(signal.SIGQUIT, on_quit)
    signal.signal(signal.SIGTERM, on_term)
    print("ready, with a request that takes a second")
    time.sleep(1)
    print("the client has its answer")
    while not asked:
        time.sleep(0.1)


#en A client is connected, and stays.
#es Hay un cliente conectado, y se queda.
def postgres():
    def on_term(number, frame):
        print("TERM: smart shutdown, I wait until the client has left")

    def on_int(number, frame):
        print("INT: fast shutdown, the client is sent away")
        sys.exit(0)

    signal.signal(signal.SIGTERM, on_term)
    signal.signal(signal.SIGINT, on_int)
    print("ready, with a client that stays connected")
    while True:
        time.sleep(1)


#en In a child with a session of its own: it is not to get what the server gets.
#es En un hijo con sesión propia: no debe recibir lo que recibe el servidor.
def client(talk):
    if os.fork() == 0:
        os.setsid()
        for _ in range(200):
            try:
                talk()
                break
            except OSError:
                time.sleep(0.1)
        os._exit(0)


def real_nginx():
    home = tempfile.mkdtemp(dir=".")
    os.chmod(home, 0o755)
    with open(f"{home}/data", "w") as data:
        data.write("x" * 100_000)
    with open(f"{home}/conf", "w") as conf:
        conf.write(f"""daemon off; error_log stderr; pid {os.path.abspath(home)}/pid;
{'user root;' if os.getuid() == 0 else ''} worker_processes 1; events {{}}
http {{ access_log off; {' '.join(f'{name}_temp_path {os.path.abspath(home)}/{name};' for name in ('client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'))}
server {{ listen unix:{os.path.abspath(home)}/sock; root {os.path.abspath(home)}; limit_rate 60k; }} }}""")

    def talk():
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(f"{home}/sock")
            s.sendall(b"GET /data HTTP/1.0\r\n\r\n")
            size = len(s.recv(100))
            print("ready, with a slow download under way")
            while part := s.recv(65536):
                size += len(part)
        print("the client has its answer" if size > 100_000 else f"the client got {size} bytes, and no more")

    client(talk)
    os.execvp("nginx", ["nginx", "-e", "stderr", "-p", home, "-c", os.path.abspath(f"{home}/conf")])


def real_postgres():
    tools = sorted(glob.glob("/usr/lib/postgresql/*/bin")) + [os.path.dirname(shutil.which("initdb") or "")]
    home = tempfile.mkdtemp(dir="/tmp")
    if os.getuid() == 0:
        #en PostgreSQL does not want to be root.
        #es PostgreSQL no quiere ser root.
        import pwd

        nobody = pwd.getpwnam("nobody")
        os.chown(home, nobody.pw_uid, nobody.pw_gid)
        os.setgroups([])
        os.setgid(nobody.pw_gid)
        os.setuid(nobody.pw_uid)
    os.chdir(home)
    subprocess.run([f"{tools[0]}/initdb", "-A", "trust", "-U", "lab", "--locale=C", "-N", "-D", "db"], check=True, stdout=subprocess.DEVNULL)

    def talk():
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(f"{home}/.s.PGSQL.5432")
            hello = b"\0\3\0\0user\0lab\0database\0postgres\0\0"
            s.sendall((len(hello) + 4).to_bytes(4, "big") + hello)
            if s.recv(1) != b"R":
                raise OSError
            print("ready, with a client that stays connected")
            while part := s.recv(4096):
                if b"57P01" in part:
                    print("the client was told that an administrator ends this")
        shutil.rmtree(home, ignore_errors=True)

    client(talk)
    postgres = f"{tools[0]}/postgres"
    os.execv(postgres, [postgres, "-D", "db", "-k", home, "-c", "listen_addresses=", "-c", "log_min_messages=fatal", "-c", "fsync=off"])


{"nginx": nginx, "postgres": postgres, "real-nginx": real_nginx, "real-postgres": real_postgres}[sys.argv[1]]()
