package test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"supervise/internal/api"
)

// desk is a running `up` together with its control socket.
type desk struct {
	*upSession
	socket string
	client *http.Client // of the standard library, to be understood by others than us
}

// openDesk starts `up` with a socket whose path is short, and waits for its
// first answer.
func openDesk(t testing.TB, plan upPlan) *desk {
	t.Helper()
	d := &desk{socket: filepath.Join(shortDir(t), "s")}
	plan.flags = slices.Concat([]string{"--verbose", "--log-format", "json", "--socket", d.socket}, plan.flags)
	d.upSession = upStart(t, plan)
	d.client = clientOf(d.socket)
	t.Cleanup(d.client.CloseIdleConnections)
	d.until("supervise.started", "")
	return d
}

func clientOf(socket string) *http.Client {
	return &http.Client{Timeout: upDeadline, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}
}

// ask asks for something: "GET /v1/info".
func (d *desk) ask(request string) (status int, body string) {
	d.t.Helper()
	r, err := d.request(request)
	if err != nil {
		d.t.Fatalf("%s: %v\n%s", request, err, d.told())
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		d.t.Fatalf("%s: %v\n%s", request, err, d.told())
	}
	return r.StatusCode, string(b)
}

func (d *desk) request(request string) (*http.Response, error) {
	var method, path string
	if _, err := fmt.Sscan(request, &method, &path); err != nil {
		return nil, err
	}
	r, err := http.NewRequest(method, "http://supervise"+path, nil)
	if err != nil {
		return nil, err
	}
	return d.client.Do(r)
}

// gets asks for something that has to come with that status, as JSON.
func (d *desk) gets(status int, request string, into any) {
	d.t.Helper()
	got, body := d.ask(request)
	if got != status {
		d.t.Fatalf("%s: status %d, want %d: %s\n%s", request, got, status, body, d.told())
	}
	if into == nil {
		return
	}
	if err := json.Unmarshal([]byte(body), into); err != nil {
		d.t.Fatalf("%s: %v: %s", request, err, body)
	}
}

// service is what is told of one service.
func (d *desk) service(name string) (s api.Service) {
	d.t.Helper()
	d.gets(200, "GET /v1/services/"+url.PathEscape(name), &s)
	return s
}

// dial opens a connection that ends with the test.
func (d *desk) dial() net.Conn {
	d.t.Helper()
	c, err := net.Dial("unix", d.socket)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(upDeadline)); err != nil {
		d.t.Fatal(err)
	}
	return c
}

// raw sends bytes, and gives all that comes.
func (d *desk) raw(text string) string {
	d.t.Helper()
	c := d.dial()
	defer c.Close()
	if _, err := io.WriteString(c, text); err != nil && !errors.Is(err, syscall.EPIPE) { // else it was refused early
		d.t.Fatal(err)
	}
	answer, err := io.ReadAll(c)
	if err != nil && len(answer) == 0 {
		d.t.Fatalf("%.60q: %v", text, err)
	}
	return string(answer)
}

// playCaller asks at the socket for the status, and prints the answer's first
// line.
func playCaller() {
	c, err := net.Dial("unix", os.Args[1])
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	fmt.Fprint(c, "GET /v1/info HTTP/1.1\r\nHost: x\r\n\r\n")
	line, err := bufio.NewReader(c).ReadString('\n')
	fmt.Println(line, err)
}
