package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"syscall"

	"golang.org/x/sys/unix"

	"supervise/internal/api"
	"supervise/internal/http1"
)

// Client speaks to a running supervise.
type Client struct{ socket string }

// NewClient makes a client for the supervise that listens at socket.
func NewClient(socket string) *Client { return &Client{socket} }

// Socket is where the client looks for supervise.
func (c *Client) Socket() string { return c.socket }

// ErrNotRunning says that nobody listens at the socket.
var ErrNotRunning = errors.New("no supervise is running")

// ErrNotAllowed says that the socket is not for us.
var ErrNotAllowed = errors.New("not allowed to speak to the supervise")

// StatusError is an error that supervise answered with.
type StatusError struct {
	Status int
	Err    error
}

func (e *StatusError) Error() string { return e.Err.Error() }

func (e *StatusError) Unwrap() error { return e.Err }

// PID is the process that listens, as the kernel tells it; 0: it has a PID
// namespace that we don't see into. Nobody there is [ErrNotRunning].
func (c *Client) PID(ctx context.Context) (int, error) {
	conn, err := c.dial(ctx)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	raw, err := conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		return 0, err
	}
	var cred *unix.Ucred
	var credErr error
	err = raw.Control(func(fd uintptr) {
		cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err = errors.Join(err, credErr); err != nil {
		return 0, fmt.Errorf("asking the kernel who listens at %s: %w", c.socket, err)
	}
	return int(cred.Pid), nil
}

// Call asks for something and decodes the answer into the value at into, which
// may be nil. A status of 400 and above with a [api.Problem] as its body is
// that error; other bodies are decoded as if all were well, since they say more
// (see [api.Outcome], [api.Health]). Nobody there is [ErrNotRunning].
func (c *Client) Call(ctx context.Context, method, path string, query url.Values, into any) (status int, err error) {
	r, err := c.do(ctx, method, path, query)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return r.Status, fmt.Errorf("reading the answer of supervise: %w", err)
	}
	if r.Status >= 400 {
		if p := (api.Problem{}); json.Unmarshal(body, &p) == nil && p.Msg != "" {
			return r.Status, &p
		}
	}
	if into == nil {
		return r.Status, nil
	}
	if err := json.Unmarshal(body, into); err != nil {
		return r.Status, fmt.Errorf("the answer of supervise was cut off or is none (status %d): %w", r.Status, err)
	}
	return r.Status, nil
}

// Stream asks for lines and gives each, without its newline, to each, until
// the last, until each fails, or until ctx is done (which is no error). A
// status of 400 and above is a [StatusError].
func (c *Client) Stream(ctx context.Context, path string, query url.Values, each func(line []byte) error) error {
	r, err := c.do(ctx, "GET", path, query)
	if err != nil {
		return err
	}
	defer r.Close()
	if r.Status >= 400 {
		body, _ := io.ReadAll(r.Body)
		if p := (api.Problem{}); json.Unmarshal(body, &p) == nil && p.Msg != "" {
			return &StatusError{r.Status, &p}
		}
		return &StatusError{r.Status, fmt.Errorf("supervise answered with status %d", r.Status)}
	}
	lines := bufio.NewScanner(r.Body)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		if err := each(lines.Bytes()); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil && ctx.Err() == nil {
		return fmt.Errorf("reading the answer of supervise: %w", err)
	}
	return nil
}

func (c *Client) do(ctx context.Context, method, path string, query url.Values) (*http1.Response, error) {
	conn, err := c.dial(ctx)
	if err != nil {
		return nil, err
	}
	target := path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	return http1.Do(ctx, conn, method, target)
}

func (c *Client) dial(ctx context.Context) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", c.socket)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return nil, fmt.Errorf("%w at %s", ErrNotRunning, c.socket)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("%w at %s: it belongs to another user", ErrNotAllowed, c.socket)
	case err != nil && ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, fmt.Errorf("speaking to supervise: %w", err)
	}
	return conn, nil
}
