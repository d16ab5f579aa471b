package http1

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/textproto"
	"strconv"
	"strings"
)

// Question is a request without a body.
type Question struct {
	Method string
	Target string   // the path with its query
	Host   string   // of the Host header; one in Header goes before it
	Header []string // "Name: value"
}

// Response is an answer. Its Body ends where the answer does; when that is too
// early, with [io.ErrUnexpectedEOF]. Close closes the connection.
type Response struct {
	Status int
	Reason string // the words behind the status, which may be none
	Header textproto.MIMEHeader
	Body   io.Reader
	conn   net.Conn
	stop   func() bool
}

// Close closes the connection.
func (r *Response) Close() error {
	r.stop()
	return r.conn.Close()
}

// Do asks a supervise, see [Ask].
func Do(ctx context.Context, conn net.Conn, method, target string) (*Response, error) {
	return Ask(ctx, conn, Question{Method: method, Target: target, Host: "supervise"})
}

// Ask sends a request over a new connection, which it takes over, and reads the
// head of the answer: at most 64 KiB of it, and whoever sends more is not
// heard out. When ctx is done the connection is closed, and reading the body
// fails. The body has no limit; who reads it sets one.
func Ask(ctx context.Context, conn net.Conn, q Question) (*Response, error) {
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	r, err := exchange(conn, q)
	if err != nil {
		stop()
		conn.Close()
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, err
	}
	r.conn, r.stop = conn, stop
	return r, nil
}

func exchange(conn io.ReadWriter, q Question) (*Response, error) {
	request, err := q.bytes()
	if err != nil {
		return nil, err
	}
	if _, err := conn.Write(request); err != nil {
		return nil, err
	}
	return readResponse(conn, q.Method)
}

func (q Question) bytes() ([]byte, error) {
	for _, word := range append([]string{q.Method, q.Target}, q.Host) {
		if strings.ContainsFunc(word, func(c rune) bool { return c <= ' ' || c == 0x7f }) {
			return nil, fmt.Errorf("%q cannot be asked for", word)
		}
	}
	b := fmt.Appendf(nil, "%s %s HTTP/1.1\r\n", q.Method, q.Target)
	host := true
	for _, h := range q.Header {
		if strings.ContainsAny(h, "\r\n") {
			return nil, fmt.Errorf("%q cannot be a header", h)
		}
		name, _, _ := strings.Cut(h, ":")
		host = host && !strings.EqualFold(name, "Host")
		b = append(append(b, h...), "\r\n"...)
	}
	if host {
		b = fmt.Appendf(b, "Host: %s\r\n", q.Host)
	}
	return append(b, "Connection: close\r\n\r\n"...), nil
}

// The limits of an answer. Ours have less than a hundredth of that.
const (
	maxAnswerHead = 64 << 10
	maxInterim    = 8 // answers 1xx before the one that counts
)

// readResponse reads the head of the answer to a request.
func readResponse(from io.Reader, method string) (*Response, error) {
	limited := &io.LimitedReader{R: from, N: maxAnswerHead}
	in := bufio.NewReader(limited)
	for range maxInterim {
		r, err := readAnswerHead(in)
		if err != nil {
			if limited.N <= 0 {
				return nil, fmt.Errorf("the head of the answer has more than %d bytes", maxAnswerHead)
			}
			return nil, err
		}
		if r.Status >= 200 || r.Status == 101 {
			limited.N = math.MaxInt64
			r.Body, err = r.bodyOf(in, method)
			return r, err
		}
	}
	return nil, fmt.Errorf("the answer begins with more than %d that say to wait", maxInterim)
}

func readAnswerHead(in *bufio.Reader) (*Response, error) {
	head := textproto.NewReader(in)
	line, err := head.ReadLine()
	if err != nil {
		return nil, hungUp(err)
	}
	version, rest, _ := strings.Cut(line, " ")
	code, why, _ := strings.Cut(rest, " ")
	status, err := strconv.ParseUint(code, 10, 16)
	if err != nil || len(code) != 3 || status < 100 || !strings.HasPrefix(version, "HTTP/1.") {
		return nil, fmt.Errorf("the answer is no HTTP: %.60q", line)
	}
	header, err := head.ReadMIMEHeader()
	if err != nil {
		if p := textproto.ProtocolError(""); errors.As(err, &p) {
			return nil, fmt.Errorf("the answer is no HTTP: %.80s", err)
		}
		return nil, hungUp(err)
	}
	return &Response{Status: int(status), Reason: strings.TrimSpace(why), Header: header}, nil
}

// hungUp says what the end of a connection means here.
func hungUp(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the connection was closed before an answer had come")
	}
	return fmt.Errorf("reading the answer: %w", err)
}

// bodyOf finds the end of the body: RFC 9112, 6.3.
func (r *Response) bodyOf(in *bufio.Reader, method string) (io.Reader, error) {
	coding, lengths := r.Header["Transfer-Encoding"], r.Header["Content-Length"]
	switch {
	case method == "HEAD" || r.Status == 204 || r.Status == 304:
		return strings.NewReader(""), nil
	case len(coding) == 1 && strings.EqualFold(strings.TrimSpace(coding[0]), "chunked"):
		return &chunked{in: in}, nil
	case len(coding) > 0:
		return nil, fmt.Errorf("the answer is in a transfer coding that is not spoken here: %.60q", strings.Join(coding, ", "))
	case len(lengths) == 0:
		return in, nil
	}
	n, err := strconv.ParseUint(lengths[0], 10, 63)
	for _, other := range lengths[1:] {
		if other != lengths[0] {
			err = strconv.ErrSyntax
		}
	}
	if err != nil {
		return nil, fmt.Errorf("the Content-Length of the answer is no number: %.60q", strings.Join(lengths, ", "))
	}
	return &sized{in, int64(n)}, nil
}

// sized is a body whose length was said before.
type sized struct {
	in   io.Reader
	left int64
}

func (s *sized) Read(p []byte) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	n, err := s.in.Read(p[:min(int64(len(p)), s.left)])
	if s.left -= int64(n); err == io.EOF && s.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}
