package probe

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"supervise/internal/config"
	"supervise/internal/policy"
	"supervise/internal/signals"
)

// TestMain: after all tests, no look has left a goroutine behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// long is enough for whatever is to be answered on a slow machine.
const long = 30 * time.Second

// serve accepts connections and hands each to the handler, which may do with it
// what it likes until done is closed. It returns host:port, or the path of the
// socket.
func serve(t *testing.T, network, address string, handle func(c net.Conn, done <-chan struct{})) string {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	done, ended := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() {
		close(done)
		l.Close()
		<-ended
	})
	go func() {
		defer close(ended)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			handle(c, done)
			c.Close()
		}
	}()
	return l.Addr().String()
}

// answer reads a request and sends text.
func answer(text string) func(net.Conn, <-chan struct{}) {
	return func(c net.Conn, _ <-chan struct{}) {
		readHead(c)
		_, _ = c.Write([]byte(text))
	}
}

func readHead(c net.Conn) string {
	in, head := bufio.NewReader(c), ""
	for {
		line, err := in.ReadString('\n')
		if head += line; err != nil || line == "\r\n" {
			return head
		}
	}
}

func httpProbe(url string) *config.Probe {
	return &config.Probe{Kind: config.ProbeHTTP, URL: url, Method: "GET", Status: []config.StatusRange{{From: 200, To: 399}}, Timeout: long}
}

// check holds what a look says against a pattern; "" is that all is well.
func check(t *testing.T, err error, want string) {
	t.Helper()
	got := ""
	if err != nil {
		got = err.Error()
	}
	if !regexp.MustCompile("^(?:" + want + ")$").MatchString(got) {
		t.Errorf("the look says %q, want %s", got, want)
	}
}

func TestTCP(t *testing.T) {
	quiet := func(net.Conn, <-chan struct{}) {}
	path := filepath.Join(t.TempDir(), "s")
	v4, _ := serve(t, "tcp4", "127.0.0.1:0", quiet), serve(t, "unix", path, quiet)
	_, port, _ := net.SplitHostPort(v4)
	free, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := free.Addr().String()
	free.Close()
	for address, want := range map[string]string{
		v4:                       "",
		"localhost:" + port:      "", // only one of its addresses listens
		"unix://" + path:         "",
		nobody:                   regexp.QuoteMeta(nobody) + ": connection refused",
		"unix://" + path + "x":   "unix://.*: no such file or directory",
		"no.such.host.invalid:1": "no.such.host.invalid:1: looking up no.such.host.invalid: .*",
	} {
		check(t, Look(t.Context(), &config.Probe{Kind: config.ProbeTCP, Address: address, Timeout: long}, nil), want)
	}
}

func TestTCPOverIPv6(t *testing.T) {
	l, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		t.Skip("no IPv6 here:", err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	for _, host := range []string{"[::1]", "localhost"} {
		addrs, _ := net.LookupHost(strings.Trim(host, "[]"))
		if !strings.Contains(strings.Join(addrs, " "), "::1") {
			continue // localhost is IPv4 alone here
		}
		check(t, Look(t.Context(), &config.Probe{Kind: config.ProbeTCP, Address: host + ":" + port, Timeout: long}, nil), "")
	}
}

func TestHTTP(t *testing.T) {
	ok := regexp.MustCompile(`^ok\s*$`)
	for _, c := range []struct {
		answer string
		body   *regexp.Regexp
		want   string
	}{
		{"HTTP/1.1 200 OK\r\n\r\n", nil, ""},
		{"HTTP/1.1 302 Found\r\nLocation: /login\r\n\r\n", nil, ""},
		{"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n", ok, ""},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n", ok, ""},
		{"HTTP/1.1 503 Service Unavailable\r\n\r\ndatabase is down\nmore", nil, "GET URL: 503 Service Unavailable: database is down"},
		{"HTTP/1.1 503\r\n\r\n", nil, "GET URL: 503"},
		{"HTTP/1.1 404 Not \x1b[31mFound\r\n\r\n<html>", nil, `GET URL: 404 Not  \[31mFound`},
		{"HTTP/1.1 500 Oh\r\nContent-Length: 1000\r\n\r\n\x1b]0;title\x07\xff" + strings.Repeat("é", 300), nil, `GET URL: 500 Oh: \]0;title  é{100,120}\.\.\.`},
		{"HTTP/1.1 200 OK\r\n\r\nsick\r\n", ok, `GET URL: the answer does not match \^ok\\s\*\$: sick`},
		{"HTTP/1.1 200 OK\r\n\r\n", ok, `GET URL: the answer is empty, and does not match .*`},
		{"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nok", ok, "GET URL: the connection was closed in the middle of the answer"},
		{"", nil, "GET URL: the connection was closed before an answer had come"},
		{"SSH-2.0-OpenSSH_9.2p1\r\n", nil, `GET URL: the answer is no HTTP: "SSH-2.0-OpenSSH_9.2p1"`},
		{"HTTP/1.1 200 OK\r\n\x1b[31m\r\n\r\n", nil, `GET URL: the answer is no HTTP: malformed MIME header.*`},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nok\r\n0\r\n\r\n", ok, `GET URL: the length of a chunk of the answer is no number: ""`},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nok\r\n0\r\n\r\n", ok, `GET URL: a chunk of the answer is longer than it says: "k" follows it`},
		{"HTTP/1.1 200 OK\r\n" + strings.Repeat("A: b\r\n", 1<<20), nil, "GET URL: the head of the answer has more than 65536 bytes"},
	} {
		p := httpProbe("http://" + serve(t, "tcp4", "127.0.0.1:0", answer(c.answer)) + "/health?x=1")
		p.Body = c.body
		err := Look(t.Context(), p, nil)
		check(t, err, strings.ReplaceAll(c.want, "URL", regexp.QuoteMeta(p.URL)))
	}
}

func TestWhatIsAsked(t *testing.T) {
	heads := make(chan string, 1)
	record := func(c net.Conn, _ <-chan struct{}) {
		heads <- readHead(c)
		_, _ = c.Write([]byte("HTTP/1.1 204 No Content\r\n\r\n"))
	}
	path := filepath.Join(t.TempDir(), "s")
	tcp, _ := serve(t, "tcp4", "127.0.0.1:0", record), serve(t, "unix", path, record)
	for url, want := range map[string]string{
		"http://" + tcp + "/a%20b?q=%C3%A9": "HEAD /a%20b?q=%C3%A9 HTTP/1.1\r\nX: y\r\nHost: " + tcp + "\r\nConnection: close\r\n\r\n",
		"unix://" + path + ":/health?a=b":   "HEAD /health?a=b HTTP/1.1\r\nX: y\r\nHost: localhost\r\nConnection: close\r\n\r\n",
	} {
		p := httpProbe(url)
		p.Method, p.Header = "HEAD", []string{"X: y"}
		check(t, Look(t.Context(), p, nil), "")
		if got := <-heads; got != want {
			t.Errorf("asked %q, want %q", got, want)
		}
	}
}

// A server that writes the body after the head is heard out, also by a look
// that asks for the status alone.
func TestTheAnswerIsHeardOut(t *testing.T) {
	gone := make(chan error, 1)
	address := serve(t, "tcp", "127.0.0.1:0", func(c net.Conn, _ <-chan struct{}) {
		readHead(c)
		_, _ = c.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"))
		_ = c.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		_, err := c.Read(make([]byte, 1))
		gone <- err
		_, _ = c.Write([]byte("ok\n"))
	})
	check(t, Look(t.Context(), httpProbe("http://"+address+"/"), nil), "")
	if err := <-gone; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the look has left before the body: %v", err)
	}
}

// Servers that would hold a naive client for ever, or fill its memory.
func TestHostileServersEndAtTheDeadline(t *testing.T) {
	begin := "HTTP/1.1 200 OK\r\n\r\n"
	never := func(_ net.Conn, done <-chan struct{}) { <-done }
	trickle := func(text string) func(net.Conn, <-chan struct{}) {
		return func(c net.Conn, done <-chan struct{}) {
			tick := time.NewTicker(5 * time.Millisecond)
			defer tick.Stop()
			for i := 0; ; i++ {
				b := byte('x')
				if i < len(text) {
					b = text[i]
				}
				if _, err := c.Write([]byte{b}); err != nil {
					return
				}
				select {
				case <-tick.C:
				case <-done:
					return
				}
			}
		}
	}
	for name, c := range map[string]struct {
		handle func(net.Conn, <-chan struct{})
		want   string
	}{
		"never answers":            {never, "GET URL: no answer within 300ms"},
		"trickles its status line": {trickle("HTTP/1.1 200 "), "GET URL: no answer within 300ms"},
		"trickles its body":        {trickle(begin), "GET URL: no answer within 300ms"},
		"trickles what is wrong":   {trickle("HTTP/1.1 500 Oh\r\n\r\n"), "GET URL: 500 Oh: x*|GET URL: no answer within 300ms"},
		"stops in the middle of a body": {func(c net.Conn, done <-chan struct{}) {
			_, _ = c.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nok"))
			<-done
		}, "GET URL: no answer within 300ms"},
	} {
		t.Run(name, func(t *testing.T) {
			p := httpProbe("http://" + serve(t, "tcp4", "127.0.0.1:0", c.handle) + "/")
			p.Timeout, p.Body = 300*time.Millisecond, regexp.MustCompile("ok")
			check(t, Look(t.Context(), p, nil), strings.ReplaceAll(c.want, "URL", regexp.QuoteMeta(p.URL)))
		})
	}
}

// A gigabyte is on its way; the look takes 64 KiB of it and hangs up.
func TestAGigabyteIsNotRead(t *testing.T) {
	sent := make(chan int, 1)
	p := httpProbe("http://" + serve(t, "tcp4", "127.0.0.1:0", func(c net.Conn, _ <-chan struct{}) {
		readHead(c)
		_, _ = c.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n"))
		n, piece := 0, make([]byte, 1<<20)
		for n < 1<<30 {
			m, err := c.Write(piece)
			if n += m; err != nil {
				break
			}
		}
		sent <- n
	}) + "/")
	p.Body = regexp.MustCompile("ok")
	check(t, Look(t.Context(), p, nil), ".*: the first 65536 bytes of the answer do not match ok")
	if n := <-sent; n > 256<<20 { // what fits into the kernel's buffers
		t.Errorf("the server could send %d bytes", n)
	}
}

// A connection that is refused only later: nobody accepts, and the backlog is
// full.
func TestAFullBacklogEndsAtTheDeadline(t *testing.T) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	if err := errors.Join(syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), syscall.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	p := &config.Probe{Kind: config.ProbeTCP, Address: fmt.Sprintf("127.0.0.1:%d", name.(*syscall.SockaddrInet4).Port), Timeout: 200 * time.Millisecond}
	for range 5 { // the first ones fit
		if err = Look(t.Context(), p, nil); err != nil {
			break
		}
	}
	check(t, err, p.Address+": no answer within 200ms")
}

func TestFile(t *testing.T) {
	dir := t.TempDir()
	for path, want := range map[string]string{
		dir:            "",
		dir + "/none":  dir + "/none is not there",
		"/dev/null/no": "/dev/null/no: not a directory",
	} {
		check(t, Look(t.Context(), &config.Probe{Kind: config.ProbeFile, Path: path, Timeout: long}, nil), want)
	}
	if err := os.Symlink("nowhere", dir+"/link"); err != nil {
		t.Fatal(err)
	}
	check(t, Look(t.Context(), &config.Probe{Kind: config.ProbeFile, Path: dir + "/link", Timeout: long}, nil), ".*/link is not there")
}

// runner is a Runner that says what it was told to say.
type runner func(ctx context.Context, command []string) (policy.Exit, []byte, error)

func (r runner) Run(ctx context.Context, command []string) (policy.Exit, []byte, error) {
	return r(ctx, command)
}

func TestExec(t *testing.T) {
	p := &config.Probe{Kind: config.ProbeExec, Command: []string{"./check", "-q"}, Timeout: long}
	for _, c := range []struct {
		exit   policy.Exit
		output string
		err    error
		want   string
	}{
		{policy.Exit{}, "all is well", nil, ""},
		{policy.Exit{Code: 1}, "", nil, "exited 1"},
		{policy.Exit{Code: 2}, "trying\n\x1b[31mno such database\x1b[0m\r\n\n", nil, `exited 2: \[31mno such database \[0m`},
		{policy.Exit{Signal: signals.KILL}, "x", nil, "killed by KILL: x"},
		{policy.Exit{}, "", errors.New("./check: permission denied"), "./check: permission denied"},
		{policy.Exit{Code: 1}, strings.Repeat("x", 1<<20), nil, `exited 1: x{120}\.\.\.`},
	} {
		check(t, Look(t.Context(), p, runner(func(_ context.Context, command []string) (policy.Exit, []byte, error) {
			if strings.Join(command, " ") != "./check -q" {
				t.Errorf("%q was run", command)
			}
			return c.exit, []byte(c.output), c.err
		})), c.want)
	}
}

func TestACommandThatHangsIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &config.Probe{Kind: config.ProbeExec, Command: []string{"./hang"}, Timeout: 3 * time.Second}
		hang := runner(func(ctx context.Context, _ []string) (policy.Exit, []byte, error) {
			<-ctx.Done()
			return policy.Exit{Signal: signals.KILL}, []byte("waiting for the lock\n"), nil
		})
		check(t, Look(t.Context(), p, hang), "has not ended within 3s: waiting for the lock")
		stuck := runner(func(ctx context.Context, _ []string) (policy.Exit, []byte, error) {
			<-ctx.Done()
			return policy.Exit{}, nil, errors.New("it survives KILL")
		})
		check(t, Look(t.Context(), p, stuck), "has not ended within 3s: it survives KILL")
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if err := Look(ctx, p, hang); !errors.Is(err, context.Canceled) {
			t.Errorf("a look that was called off says %v", err)
		}
	})
}

func TestWhatIsToldIsNotLookedAt(t *testing.T) {
	for _, kind := range []config.ProbeKind{config.ProbeNotify, config.ProbeFD, config.ProbeLog} {
		check(t, Look(t.Context(), &config.Probe{Kind: kind}, nil), ".*"+string(kind)+".*fault in supervise")
	}
}

// looks is a runner for the loops: one look takes a second, and the n-th ends
// with the n-th exit code.
func looks(begun *[]time.Duration, codes ...int) runner {
	start := time.Now()
	return func(ctx context.Context, _ []string) (policy.Exit, []byte, error) {
		*begun = append(*begun, time.Since(start))
		n := len(*begun)
		select {
		case <-time.After(time.Second):
			return policy.Exit{Code: codes[min(n, len(codes))-1]}, nil, nil
		case <-ctx.Done():
			return policy.Exit{Signal: signals.KILL}, nil, nil
		}
	}
}

func TestReadyLooksUntilItIsWell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var begun []time.Duration
		var said []string
		p := &config.Probe{Kind: config.ProbeExec, Interval: 2 * time.Second, Timeout: long}
		Ready(t.Context(), p, looks(&begun, 1, 1, 0), func(err error) { said = append(said, fmt.Sprint(err)) })
		if got, want := fmt.Sprint(begun, said), "[0s 3s 6s] [exited 1 exited 1 <nil>]"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	})
}

func TestReadyEndsWithItsContextAndReportsNothingOfIt(t *testing.T) {
	for _, after := range []time.Duration{0, 500 * time.Millisecond, 2 * time.Second} { // before, in, and between looks
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), after)
			defer cancel()
			var begun []time.Duration
			said := 0
			p := &config.Probe{Kind: config.ProbeExec, Interval: 2 * time.Second, Timeout: long}
			start := time.Now()
			Ready(ctx, p, looks(&begun, 1), func(error) { said++ })
			if took := time.Since(start); took != after || said != int(after/time.Second)/2 {
				t.Errorf("cancelled after %s: returned after %s, %d reports", after, took, said)
			}
		})
	}
}

func TestHealthLooksAsLongAsTheServiceRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var begun []time.Duration
		var said []string
		h := &config.Health{Delay: 5 * time.Second, Probe: config.Probe{Kind: config.ProbeExec, Interval: 20 * time.Second, Timeout: long}}
		Health(ctx, h, looks(&begun, 0, 1, 0), func(err error) { said = append(said, fmt.Sprint(err)) })
		if got, want := fmt.Sprint(begun, said), "[5s 26s 47s] [<nil> exited 1 <nil>]"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	})
}
