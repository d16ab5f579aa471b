package http1

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"supervise/internal/api"
	"supervise/internal/carry"
)

// Writer writes one answer.
type Writer struct {
	conn     *conn
	timeout  time.Duration
	headOnly bool // HEAD: the body is left out
	begun    bool
}

// The reasons of RFC 9110; clients read the number.
var reasons = [...]string{
	200: "OK", 202: "Accepted", 400: "Bad Request", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 408: "Request Timeout",
	409: "Conflict", 411: "Length Required", 413: "Content Too Large", 422: "Unprocessable Content",
	431: "Request Header Fields Too Large", 500: "Internal Server Error", 503: "Service Unavailable",
	504: "Gateway Timeout", 505: "HTTP Version Not Supported",
}

func reason(status int) string {
	if status >= len(reasons) {
		return ""
	}
	return reasons[status]
}

func (w *Writer) head(status int, contentType string, length int) []byte {
	w.begun = true
	head := fmt.Appendf(nil, "HTTP/1.1 %d %s\r\nContent-Type: %s\r\n", status, reason(status), contentType)
	if length >= 0 {
		head = fmt.Appendf(head, "Content-Length: %d\r\n", length)
	}
	return append(head, "Connection: close\r\n\r\n"...)
}

// send writes, within the time that a client gets for it. One that does not
// take it loses the connection: what it has not read is nobody's to keep.
func (w *Writer) send(b []byte) error {
	_ = w.conn.SetWriteDeadline(time.Now().Add(w.timeout))
	_, err := w.conn.Write(b)
	if err != nil {
		w.conn.Close()
	}
	return err
}

// Keep gives another descriptor of the connection, for an answer that the next image of
// this process sends, see [Respond]. It is close-on-exec.
func (w *Writer) Keep() (carry.FD, error) {
	c, ok := w.conn.Conn.(syscall.Conn)
	if !ok {
		return -1, errors.New("the connection has no descriptor")
	}
	return carry.Duplicate(c)
}

// Respond sends a whole answer over a connection that was kept, and closes it.
func Respond(fd carry.FD, status int, v any) {
	file := os.NewFile(uintptr(fd), "connection")
	defer file.Close()
	c, err := net.FileConn(file)
	if err != nil {
		return // nobody waits for it any more
	}
	defer c.Close()
	w := &Writer{conn: &conn{Conn: c}, timeout: respondTimeout}
	w.JSON(status, v)
}

// respondTimeout is how long a client may take to take it.
const respondTimeout = time.Second

// Answer sends a whole answer. Only the first counts.
func (w *Writer) Answer(status int, contentType string, body []byte) {
	if w.begun {
		return
	}
	out := w.head(status, contentType, len(body))
	if !w.headOnly {
		out = append(out, body...)
	}
	_ = w.send(out)
}

// JSON sends a value.
func (w *Writer) JSON(status int, v any) {
	var body bytes.Buffer
	e := json.NewEncoder(&body)
	e.SetEscapeHTML(false) // people read it
	if err := e.Encode(v); err != nil {
		w.Problem(500, "internal error: %v", err)
		return
	}
	w.Answer(status, "application/json", body.Bytes())
}

// Problem sends an [api.Problem].
func (w *Writer) Problem(status int, format string, args ...any) {
	w.JSON(status, api.Problem{Msg: fmt.Sprintf(format, args...)})
}

// Stream begins an answer whose end is not known; each Write is sent at once.
func (w *Writer) Stream(status int, contentType string) io.Writer {
	w.conn.progress(streaming)
	if err := w.send(w.head(status, contentType, -1)); err != nil || w.headOnly {
		return failed{err}
	}
	return stream{w}
}

type stream struct{ w *Writer }

func (s stream) Write(b []byte) (int, error) {
	if err := s.w.send(b); err != nil {
		return 0, err
	}
	return len(b), nil
}

// failed is a stream that nobody reads.
type failed struct{ err error }

func (f failed) Write([]byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	return 0, io.ErrClosedPipe
}

// linger lets a client that is still sending see the answer: to close on data
// that was not read would reset the connection and take the answer along.
func (w *Writer) linger(c *conn) {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	_ = c.SetReadDeadline(time.Now().Add(time.Second))
	_, _ = io.CopyN(io.Discard, c, 4*maxBody)
}
