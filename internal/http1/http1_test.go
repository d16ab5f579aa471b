package http1

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"supervise/internal/api"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const deadline = 90 * time.Second

// serve serves until the test ends, and gives the path of the socket.
func serve(t *testing.T, s *Server) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		s.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
		os.RemoveAll(dir)
	})
	return path
}

func dial(t *testing.T, path string) *net.UnixConn {
	t.Helper()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(deadline))
	return c.(*net.UnixConn)
}

func send(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, path, target string) string {
	t.Helper()
	c := dial(t, path)
	send(t, c, "GET "+target+" HTTP/1.1\r\nHost: x\r\n\r\n")
	b, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func hello(w *Writer, r *Request) { w.Answer(200, "text/plain", []byte("hello "+r.Path)) }

func TestClientAndServer(t *testing.T) {
	path := serve(t, NewServer(func(w *Writer, r *Request) {
		switch r.Path {
		case "/stream":
			out := w.Stream(200, "text/plain")
			for i := range 3 {
				fmt.Fprintln(out, i)
			}
		case "/twice":
			w.Problem(404, "one")
			w.Problem(500, "two")
		case "/panic":
			panic("at the disco")
		case "/nothing":
		default:
			w.JSON(200, map[string]any{"peer": r.Peer.PID, "query": r.Query})
		}
	}))
	ask := func(method, target string) (int, string) {
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		r, err := Do(t.Context(), conn, method, target)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		return r.Status, string(b)
	}
	for _, c := range []struct {
		method, target string
		status         int
		body           string
	}{
		{"GET", "/x?a=1&a=2", 200, fmt.Sprintf(`{"peer":%d,"query":{"a":["1","2"]}}`+"\n", os.Getpid())},
		{"HEAD", "/x", 200, ""},
		{"GET", "/stream", 200, "0\n1\n2\n"},
		{"HEAD", "/stream", 200, ""},
		{"POST", "/twice", 404, `{"error":"one"}` + "\n"},
		{"GET", "/nothing", 500, `{"error":"internal error: no answer"}` + "\n"},
	} {
		if status, body := ask(c.method, c.target); status != c.status || body != c.body {
			t.Errorf("%s %s: got %d %q, want %d %q", c.method, c.target, status, body, c.status, c.body)
		}
	}
	stderr := os.Stderr
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	os.Stderr = null
	defer func() { os.Stderr = stderr }()
	if status, body := ask("GET", "/panic"); status != 500 || !strings.Contains(body, "at the disco") {
		t.Errorf("got %d %q", status, body)
	}
}

func TestClientIsToldWhatIsWrong(t *testing.T) {
	for answer, want := range map[string]string{
		"":                               "closed before an answer had come",
		"SSH-2.0-OpenSSH\r\n":            "no HTTP",
		"HTTP/1.1 abc\r\n\r\n":           "no HTTP",
		"HTTP/1.1 200 OK\r\nno header":   "no HTTP",
		"HTTP/1.1 200 OK\r\nbad\r\n\r\n": "no HTTP",
	} {
		ours, theirs := net.Pipe()
		go func() {
			_, _ = bufio.NewReader(theirs).ReadString('\n')
			_, _ = io.WriteString(theirs, answer)
			theirs.Close()
		}()
		if _, err := Do(t.Context(), ours, "GET", "/"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", answer, err)
		}
	}
	ours, theirs := net.Pipe()
	defer theirs.Close()
	if _, err := Do(t.Context(), ours, "GET", "/a b"); err == nil {
		t.Error("a target with a space was sent")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	ours, theirs = net.Pipe()
	defer theirs.Close()
	if _, err := Do(ctx, ours, "GET", "/"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestWhoMayNotAskIsTold(t *testing.T) {
	s := NewServer(hello)
	s.Allow = func(p Peer) bool { return p.UID != os.Getuid() }
	answer := get(t, serve(t, s), "/")
	want := fmt.Sprintf("process %d of uid %d may not speak to this supervise", os.Getpid(), os.Getuid())
	if !strings.HasPrefix(answer, "HTTP/1.1 403 ") || !strings.Contains(answer, want) {
		t.Errorf("got %q", answer)
	}
}

// Who holds on makes room for who comes: first those who have not asked yet,
// then those who follow something, then the oldest.
func TestRoomIsMade(t *testing.T) {
	s := NewServer(func(w *Writer, r *Request) {
		switch r.Path {
		case "/follow":
			w.Stream(200, "text/plain")
			<-r.Context().Done()
		case "/wait":
			<-r.Context().Done()
		default:
			hello(w, r)
		}
	})
	s.MaxConns = 3
	path := serve(t, s)
	stages := func(want string) {
		t.Helper()
		for end := time.Now().Add(deadline); ; time.Sleep(time.Millisecond) {
			s.mutex.Lock()
			var got []stage
			for _, c := range s.open {
				got = append(got, c.stage)
			}
			s.mutex.Unlock()
			if fmt.Sprint(got) == want {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("got %v, want %s", got, want)
			}
		}
	}
	gone := func(c net.Conn) {
		t.Helper()
		if _, err := io.Copy(io.Discard, c); err != nil && !errors.Is(err, net.ErrClosed) && !strings.Contains(err.Error(), "reset") {
			t.Errorf("still there: %v", err)
		}
	}
	ask := func(target string) net.Conn {
		c := dial(t, path)
		send(t, c, "GET "+target+" HTTP/1.1\r\n\r\n")
		return c
	}
	waiter := ask("/wait")
	stages("[2]")
	follower := ask("/follow")
	stages("[2 1]")
	silent := dial(t, path)
	stages("[2 1 0]")
	if got := get(t, path, "/x"); !strings.HasSuffix(got, "hello /x") {
		t.Errorf("got %q", got)
	}
	gone(silent)
	stages("[2 1]")
	second := ask("/wait")
	stages("[2 1 2]")
	if got := get(t, path, "/x"); !strings.HasSuffix(got, "hello /x") {
		t.Errorf("got %q", got)
	}
	gone(follower)
	third := ask("/wait")
	stages("[2 2 2]")
	fourth := ask("/wait")
	gone(waiter)
	stages("[2 2 2]")
	for _, c := range []net.Conn{second, third, fourth} {
		c.Close()
	}
	stages("[]")
}

func TestContextEndsWhenTheClientGoesAndNotBefore(t *testing.T) {
	began, ended := make(chan struct{}, 1), make(chan struct{}, 1)
	var wait atomic.Bool
	wait.Store(true)
	path := serve(t, NewServer(func(w *Writer, r *Request) {
		began <- struct{}{}
		if wait.Load() {
			<-r.Context().Done()
			ended <- struct{}{}
			return
		}
		select {
		case <-r.Context().Done():
			t.Error("the request has ended, its client has not")
		case <-time.After(50 * time.Millisecond):
		}
		hello(w, r)
	}))
	for name, leave := range map[string]func(*net.UnixConn){
		"at once":                func(c *net.UnixConn) { c.Close() },
		"after its side":         func(c *net.UnixConn) { _ = c.CloseWrite(); c.Close() },
		"after much more":        func(c *net.UnixConn) { send(t, c, strings.Repeat("x", maxBody)); c.Close() },
		"with more than is read": func(c *net.UnixConn) { send(t, c, strings.Repeat("x", maxBody+9000)); c.Close() },
	} {
		c := dial(t, path)
		send(t, c, "GET /x HTTP/1.1\r\n\r\n")
		<-began
		leave(c)
		select {
		case <-ended:
		case <-time.After(deadline):
			t.Fatalf("%s: nobody has noticed", name)
		}
	}
	wait.Store(false)
	c := dial(t, path)
	send(t, c, "GET /x HTTP/1.1\r\n\r\n")
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(c); err != nil || !strings.HasSuffix(string(b), "hello /x") {
		t.Errorf("%q, %v", b, err)
	}
	<-began
}

func TestWhoDoesNotTakeItsAnswerIsDropped(t *testing.T) {
	failed := make(chan error, 1)
	s := NewServer(func(w *Writer, r *Request) {
		out := w.Stream(200, "text/plain")
		for {
			if _, err := out.Write(make([]byte, 64<<10)); err != nil {
				failed <- err
				return
			}
		}
	})
	s.WriteTimeout = 50 * time.Millisecond
	c := dial(t, serve(t, s))
	send(t, c, "GET / HTTP/1.1\r\n\r\n")
	select {
	case err := <-failed:
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error(err)
		}
	case <-time.After(deadline):
		t.Fatal("it is still being sent")
	}
}

func TestWhoIsSilentIsTold(t *testing.T) {
	s := NewServer(hello)
	s.HeadTimeout = 20 * time.Millisecond
	path := serve(t, s)
	c := dial(t, path)
	send(t, c, "GET / HTTP/1.1\r\nHost")
	if b, err := io.ReadAll(c); err != nil || !strings.HasPrefix(string(b), "HTTP/1.1 408 ") {
		t.Errorf("%q, %v", b, err)
	}
}

func TestDrainLetsAnswersOut(t *testing.T) {
	began := make(chan struct{})
	s := NewServer(func(w *Writer, r *Request) {
		close(began)
		<-r.Context().Done()
		hello(w, r)
	})
	path := serve(t, s)
	silent, c := dial(t, path), dial(t, path)
	send(t, c, "GET /last HTTP/1.1\r\n\r\n")
	<-began
	s.Drain(deadline)
	if b, err := io.ReadAll(c); err != nil || !strings.HasSuffix(string(b), "hello /last") {
		t.Errorf("%q, %v", b, err)
	}
	s.Close()
	if n, err := silent.Read(make([]byte, 1)); n > 0 || err == nil {
		t.Error("a silent connection is still open")
	}
}

func TestDrainEnds(t *testing.T) {
	began, end := make(chan struct{}), make(chan struct{})
	s := NewServer(func(w *Writer, r *Request) {
		close(began)
		<-end
	})
	c := dial(t, serve(t, s))
	send(t, c, "GET / HTTP/1.1\r\n\r\n")
	<-began
	s.Drain(10 * time.Millisecond)
	close(end)
}

func TestExpectedContinue(t *testing.T) {
	c := dial(t, serve(t, NewServer(hello)))
	send(t, c, "POST /x HTTP/1.1\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
	in := bufio.NewReader(c)
	if line, err := in.ReadString('\n'); err != nil || line != "HTTP/1.1 100 Continue\r\n" {
		t.Fatalf("%q, %v", line, err)
	}
	send(t, c, "abc")
	if b, err := io.ReadAll(in); err != nil || !strings.HasSuffix(string(b), "hello /x") {
		t.Errorf("%q, %v", b, err)
	}
}

func TestProblemsAreJSON(t *testing.T) {
	path := serve(t, NewServer(func(w *Writer, r *Request) { w.Problem(400, "a %q\n", "b") }))
	_, body, _ := strings.Cut(get(t, path, "/"), "\r\n\r\n")
	var p api.Problem
	if err := json.Unmarshal([]byte(body), &p); err != nil || p.Msg != "a \"b\"\n" {
		t.Errorf("%q, %v", body, err)
	}
}

// write is the request as our own client would send it.
func write(r *Request) []byte {
	u := url.URL{Path: r.Path, RawQuery: r.Query.Encode()}
	out := fmt.Appendf(nil, "%s %s HTTP/1.1\r\n", r.Method, u.RequestURI())
	for name, values := range r.Header {
		for _, v := range values {
			out = fmt.Appendf(out, "%s: %s\r\n", name, v)
		}
	}
	return append(out, "\r\n"...)
}

func FuzzRequest(f *testing.F) {
	for _, text := range []string{
		"GET /v1/info HTTP/1.1\r\nHost: x\r\n\r\n", "\r\nPOST /v1/stop?name=web%40*&name=b&wait=3s HTTP/1.0\r\nContent-Length: 5\r\nA:\r\n\r\nhello",
		"GET //a/%2e%2e/%00?%3d=;+ HTTP/1.1\r\nA: b\r\nA: c\r\n\r\n", "GET / HTTP/1.1\r\n A: b\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET /\r\n",
		"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "GET / HTTP/1.1\r\nContent-Length: +1\r\n\r\n", "\r\n\r\n", "",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := readHead(bufio.NewReaderSize(bytes.NewReader(b), 4<<10))
		if err != nil {
			if e := (refusal{}); errors.As(err, &e) && reasons[e.status] == "" {
				t.Errorf("status %d has no reason", e.status)
			}
			return
		}
		if n, err := r.bodyLength(); err == nil && (n < 0 || n > maxBody) {
			t.Errorf("a body of %d bytes", n)
		}
		text := write(r)
		again, err := readHead(bufio.NewReaderSize(bytes.NewReader(text), 4<<10))
		if err != nil {
			if e := (refusal{}); errors.As(err, &e) && e.status == 431 {
				return // escaped, it has grown
			}
			t.Fatalf("%q was read, and not again as %q: %v", b, text, err)
		}
		if r.Method != again.Method || r.Path != again.Path || cmp.Diff(r.Query, again.Query) != "" || cmp.Diff(r.Header, again.Header) != "" {
			t.Errorf("%q was read as %+v, and again as %+v", b, r, again)
		}
	})
}
