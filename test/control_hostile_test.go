package test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"supervise/internal/api"
	"supervise/internal/procfs"
)

// answersStill makes sure that supervise answers and does its work: it restarts
// a service that is killed.
func (d *desk) answersStill() {
	d.t.Helper()
	before := d.service("web")
	if before.State != "running" {
		d.t.Fatalf("web is %s", before.State)
	}
	if err := unix.Kill(before.PID, unix.SIGKILL); err != nil {
		d.t.Fatal(err)
	}
	d.find("service.running", "web", fmt.Sprint("after ", before.PID), func(e upEvent) bool { return e.PID != before.PID && e.Time.After(before.Since) })
	var all []api.Service
	if d.gets(200, "GET /v1/services?usage=1", &all); len(all) != 1 {
		d.t.Errorf("%v", all)
	}
}

const restarted = "[services.web]\ncommand = 'sleep 1000'\nrestart = { when = 'always', initial = '1ms' }\n"

func (d *desk) descriptors() int {
	d.t.Helper()
	all, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", d.pid()))
	if err != nil {
		d.t.Fatal(err)
	}
	return len(all)
}

func (d *desk) resident() uint64 {
	d.t.Helper()
	p, err := procfs.Stat(d.pid())
	if err != nil {
		d.t.Fatal(err)
	}
	return p.Resident
}

func TestWhatIsNoRequestIsRefused(t *testing.T) {
	t.Parallel()
	d := openDesk(t, upPlan{config: restarted})
	d.until("service.running", "web")
	get := "GET /v1/info HTTP/1.1\r\nHost: x\r\n"
	for name, c := range map[string]struct{ send, want string }{
		"a request":              {get + "\r\n", "HTTP/1.1 200 OK\r\n"},
		"HTTP/1.0":               {"GET /v1/info HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK\r\n"},
		"an empty line before":   {"\r\n" + get + "\r\n", "HTTP/1.1 200 OK\r\n"},
		"HTTP/0.9":               {"GET /v1/info\r\n", "HTTP/1.1 400 "},
		"HTTP/2":                 {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/1.1 505 "},
		"garbage":                {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n\n", "HTTP/1.1 400 "},
		"NUL in the target":      {"GET /v1/\x00info HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 400 "},
		"NUL in a header":        {get + "A: \x00\r\n\r\n", "HTTP/1.1 400 "},
		"lines without a return": {"GET /v1/info HTTP/1.1\nHost: x\n\n", "HTTP/1.1 400 "},
		"a folded header":        {get + "A: b\r\n c\r\n\r\n", "HTTP/1.1 400 "},
		"a huge header":          {get + "A: " + strings.Repeat("x", 1<<20) + "\r\n\r\n", "HTTP/1.1 431 "},
		"many headers":           {get + strings.Repeat("A: b\r\n", 100) + "\r\n", "HTTP/1.1 431 "},
		"a huge target":          {"GET /" + strings.Repeat("x", 1<<20) + " HTTP/1.1\r\n\r\n", "HTTP/1.1 431 "},
		"a full target":          {"GET http://x/v1/info HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 400 "},
		"two lengths":            {"POST /v1/stop HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "HTTP/1.1 400 "},
		"length and chunks":      {"POST /v1/stop HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 400 "},
		"no length":              {"POST /v1/stop HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "HTTP/1.1 400 "},
		"a web page":             {"POST /v1/shutdown HTTP/1.1\r\nHost: x\r\nOrigin: http://evil.example\r\n\r\n", "HTTP/1.1 403 "},
		"another method":         {"DELETE /v1/services HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 405 "},
		"no such place":          {"GET /v2/info HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404 "},
		"a way up":               {"GET /v1/services/../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404 "},
		"a wrong escape":         {"GET /v1/services/%zz HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 400 "},
		"a small body":           {"POST /v1/signal?name=web&signal=CONT HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.1 200 OK\r\n"},
		"a second request":       {get + "\r\n" + "POST /v1/shutdown HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK\r\n"},
	} {
		got := d.raw(c.send)
		if !strings.HasPrefix(got, c.want) || strings.Count(got, "\r\nContent-Type: ") != 1 {
			t.Errorf("%s: got %.200q, want %q", name, got, c.want)
		}
		if _, body, ok := strings.Cut(got, "\r\n\r\n"); !strings.HasPrefix(c.want, "HTTP/1.1 200") && (!ok || !strings.HasPrefix(body, `{"error":"`)) {
			t.Errorf("%s: the body is %q", name, body)
		}
	}
	if got := d.raw("HEAD /v1/info HTTP/1.1\r\nHost: x\r\n\r\n"); !strings.HasSuffix(got, "\r\n\r\n") || !strings.HasPrefix(got, "HTTP/1.1 200") {
		t.Errorf("HEAD: %q", got)
	}
	d.answersStill()
	d.none("shutdown.begun", "")
	d.stop()
}

func TestHugeBodiesAreNotRead(t *testing.T) {
	t.Parallel()
	d := openDesk(t, upPlan{config: restarted})
	d.until("service.running", "web")
	before := d.resident()
	chunk := strings.Repeat("x", 1<<20)
	for name, c := range map[string]struct{ head, each, want string }{
		"a length":  {"Content-Length: 1073741824\r\n\r\n", chunk, "413"},
		"chunks":    {"Transfer-Encoding: chunked\r\n\r\n", "100000\r\n" + chunk + "\r\n", "411"},
		"behind it": {"\r\n", chunk, "200"},
	} {
		t.Run(name, func(t *testing.T) {
			conn := d.dial()
			answer := make(chan string, 1)
			go func() {
				b, _ := io.ReadAll(conn)
				answer <- string(b)
			}()
			_, err := io.WriteString(conn, "POST /v1/signal?name=web&signal=CONT HTTP/1.1\r\nHost: x\r\n"+c.head)
			sent := 0
			for ; err == nil && sent < 1<<10; sent++ {
				_, err = io.WriteString(conn, c.each)
			}
			if !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("after %d MiB: %v", sent, err)
			}
			if got := <-answer; !strings.HasPrefix(got, "HTTP/1.1 "+c.want) {
				t.Errorf("got %.100q, want %s", got, c.want)
			}
		})
	}
	if after := d.resident(); after > before+64<<20 {
		t.Errorf("from %d bytes to %d", before, after)
	}
	d.answersStill()
	d.stop()
}

func TestHalfARequestAndSilence(t *testing.T) {
	t.Parallel()
	d := openDesk(t, upPlan{config: restarted})
	d.until("service.running", "web")
	var silent []net.Conn
	for _, text := range []string{"", "G", "GET /v1/info HTTP/1.1\r\n", "GET /v1/info HTTP/1.1\r\nHost: x\r\nA", "POST /v1/shutdown HTTP/1.1\r\nContent-Length: 9\r\n\r\nx"} {
		c := d.dial()
		if _, err := io.WriteString(c, text); err != nil {
			t.Fatal(err)
		}
		silent = append(silent, c)
	}
	d.answersStill()
	for i, c := range silent { // each is hung up on, after some seconds
		if b, err := io.ReadAll(c); err != nil && !errors.Is(err, syscall.ECONNRESET) || !strings.HasPrefix(string(b), "HTTP/1.1 408 ") {
			t.Errorf("connection %d: %q, %v", i, b, err)
		}
	}
	d.answersStill()
	d.none("shutdown.begun", "")
	d.stop()
}

// withDescriptors starts supervise with so many descriptors.
func withDescriptors(n int) func(*exec.Cmd) {
	return func(cmd *exec.Cmd) {
		cmd.Path, cmd.Args = "/bin/sh", append([]string{"sh", "-c", fmt.Sprintf(`ulimit -n %d && exec "$0" "$@"`, n)}, cmd.Args...)
	}
}

func TestAThousandConnectionsThatAreHeldOpen(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"silent":    "",
		"half":      "GET /v1/info HTT",
		"followers": "GET /v1/events?follow=1 HTTP/1.1\r\nHost: x\r\n\r\n",
		"waiters":   "GET /v1/wait?for=done&name=web HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const descriptors = 128
			d := openDesk(t, upPlan{config: restarted, prepare: withDescriptors(descriptors)})
			d.until("service.running", "web")
			idle := d.descriptors()
			for i := range 1000 {
				c := d.dial()
				if _, err := io.WriteString(c, text); err != nil && !errors.Is(err, syscall.EPIPE) {
					t.Fatal(err)
				}
				if i%250 == 249 {
					d.answersStill()
				}
			}
			d.answersStill()
			if n := d.descriptors(); n > idle+descriptors/8+8 {
				t.Errorf("%d descriptors are open, %d were before", n, idle)
			}
			d.none("start.failed", "web")
			d.stop()
			if text := d.stderr.String(); text != "" {
				t.Errorf("it says %q", text)
			}
		})
	}
}

// A follower that does not read is hung up on, and costs no more than the
// socket's buffers meanwhile.
func TestAFollowerThatNeverReads(t *testing.T) {
	t.Parallel()
	d := openDesk(t, upPlan{config: restarted})
	d.until("service.running", "web")
	deaf := d.dial()
	if _, err := io.WriteString(deaf, "GET /v1/events?follow=1 HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	events := 0
	flood := func(n int) {
		for range n {
			d.gets(200, "POST /v1/signal?name=web&signal=CONT", nil)
			events++
		}
	}
	flood(2500) // some 500 KB
	before := d.resident()
	flood(2500)
	if after := d.resident(); after > before+16<<20 {
		t.Errorf("from %d bytes to %d", before, after)
	}
	// What it gets, when it reads at last, ends: the connection was closed.
	if err := deaf.SetReadDeadline(time.Now().Add(upDeadline)); err != nil {
		t.Fatal(err)
	}
	hungUp := func() bool {
		p := []unix.PollFd{{Fd: int32(descriptorOf(t, deaf))}}
		_, err := unix.Poll(p, 100)
		return err == nil && p[0].Revents&unix.POLLHUP != 0
	}
	for end := time.Now().Add(upDeadline); !hungUp(); {
		if time.Now().After(end) {
			t.Fatal("it is still connected")
		}
	}
	b, err := io.ReadAll(deaf)
	if err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Error(err)
	}
	if n := strings.Count(string(b), "\n"); n > events {
		t.Errorf("it got %d lines of %d events", n, events)
	}
	d.answersStill()
	d.stop()
}

func descriptorOf(t testing.TB, c net.Conn) (fd int) {
	t.Helper()
	raw, err := c.(*net.UnixConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(func(f uintptr) { fd = int(f) }); err != nil {
		t.Fatal(err)
	}
	return fd
}

// A client that says that it will send no more, as `nc -N` does, gets its
// answer; one that goes away is noticed.
func TestAClientThatClosesItsSide(t *testing.T) {
	t.Parallel()
	d := openDesk(t, upPlan{config: restarted})
	d.until("service.running", "web")
	half := func(request string) *net.UnixConn {
		c := d.dial().(*net.UnixConn)
		if _, err := io.WriteString(c, request+" HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if err := c.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		return c
	}
	waiter := half("GET /v1/wait?name=web&for=stopped")
	follower := half("GET /v1/events?follow=1&event=service.stopped")
	lines := bufio.NewScanner(follower)
	for lines.Scan() && lines.Text() != "" { // the head
	}
	d.answersStill()
	d.gets(200, "POST /v1/stop?name=web", nil)
	if b, err := io.ReadAll(waiter); err != nil || !strings.HasPrefix(string(b), "HTTP/1.1 200 OK") {
		t.Errorf("%q, %v", b, err)
	}
	if !lines.Scan() || !strings.Contains(lines.Text(), "service.stopped") {
		t.Errorf("%q, %v", lines.Text(), lines.Err())
	}
	before := d.descriptors()
	follower.Close()
	for end := time.Now().Add(upDeadline); d.descriptors() >= before; {
		if time.Now().After(end) {
			t.Fatal("the connection of a follower that has gone is still open")
		}
	}
	d.stop()
}

func TestMetricsOnATCPAddress(t *testing.T) {
	t.Parallel()
	address := "127.0.0.1:" + upPort(t)
	d := openDesk(t, upPlan{config: fmt.Sprintf("[supervisor]\nmetrics = %q\n", address) + restarted})
	d.until("service.running", "web")
	for request, want := range map[string]string{
		"GET /metrics HTTP/1.1\r\nHost: " + address:                     "200",
		"HEAD /metrics HTTP/1.1\r\nHost: localhost:9464":                "200",
		"GET /metrics HTTP/1.1\r\nHost: [::1]:9464":                     "200",
		"GET /metrics HTTP/1.0":                                         "200",
		"GET /metrics HTTP/1.1\r\nHost: evil.example:9464":              "403", // its name may lead here (DNS rebinding)
		"GET /metrics HTTP/1.1\r\nHost: 10.0.0.1":                       "403",
		"POST /metrics HTTP/1.1\r\nHost: localhost":                     "405",
		"GET /v1/services HTTP/1.1\r\nHost: localhost":                  "404",
		"POST /v1/shutdown HTTP/1.1\r\nHost: localhost":                 "404",
		"POST /v1/shutdown HTTP/1.1\r\nHost: localhost\r\nOrigin: null": "403",
	} {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(upDeadline))
		fmt.Fprint(c, request+"\r\n\r\n")
		b, err := io.ReadAll(c)
		c.Close()
		if err != nil || !strings.HasPrefix(string(b), "HTTP/1.1 "+want) {
			t.Errorf("%q: got %.100q, %v, want %s", request, b, err, want)
		}
	}
	r, err := http.Get("http://" + address + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r.Body)
	r.Body.Close()
	if err != nil || !strings.Contains(string(text), `supervise_service_state{service="web",state="running"} 1`) {
		t.Errorf("%.300s, %v", text, err)
	}
	for range 200 { // held open
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	d.answersStill()
	if r, err := http.Get("http://" + address + "/metrics"); err != nil {
		t.Error(err)
	} else {
		r.Body.Close()
	}
	d.stop()
}
