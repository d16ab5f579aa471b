package http1

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
)

// Request is what somebody asks for.
type Request struct {
	Method string
	Path   string // decoded
	Query  url.Values
	Header textproto.MIMEHeader
	Peer   Peer
	ctx    context.Context
}

// Context ends when the client hangs up, or the server is closed.
func (r *Request) Context() context.Context { return r.ctx }

// The limits of a request. Ours have some 100 bytes.
const (
	maxHead    = 16 << 10
	maxHeaders = 64
	maxBody    = 64 << 10 // read, so that the client sees the answer, and thrown away
)

// refusal is a request that is not understood.
type refusal struct {
	status int
	why    string
}

func (e refusal) Error() string { return e.why }

func refuse(status int, format string, args ...any) error {
	return refusal{status, fmt.Sprintf(format, args...)}
}

// readHead reads a request up to the empty line. The error is a refusal, or of
// the connection.
func readHead(in *bufio.Reader) (*Request, error) {
	head, err := headBytes(in)
	if err != nil {
		return nil, err
	}
	first, rest, _ := bytes.Cut(head, []byte("\r\n"))
	r, err := parseRequestLine(string(first))
	if err != nil {
		return nil, err
	}
	// textproto joins lines that begin with a space to the one before; RFC 9112
	// (5.2) wants those refused, as it does spaces before the colon.
	n := 0
	for line := range bytes.SplitSeq(rest, []byte("\r\n")) {
		if len(line) == 0 {
			continue
		}
		name, _, ok := bytes.Cut(line, []byte(":"))
		if !ok || len(name) == 0 || bytes.ContainsFunc(name, func(c rune) bool { return !isToken(c) }) {
			return nil, refuse(400, "a header line is none: %.60q", line)
		}
		if n++; n > maxHeaders {
			return nil, refuse(431, "there are more than %d headers", maxHeaders)
		}
	}
	r.Header, err = textproto.NewReader(bufio.NewReader(bytes.NewReader(rest))).ReadMIMEHeader()
	if err != nil {
		return nil, refuse(400, "the headers are none: %v", err)
	}
	return r, nil
}

// headBytes reads as far as the empty line, which it leaves out of the first
// part only.
func headBytes(in *bufio.Reader) ([]byte, error) {
	var head []byte
	for {
		line, err := in.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) || len(head)+len(line) > maxHead {
			return nil, refuse(431, "the request has more than %d bytes before its body", maxHead)
		}
		if err != nil {
			if len(head)+len(line) > 0 && errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		if len(line) < 2 || line[len(line)-2] != '\r' || bytes.ContainsAny(line[:len(line)-2], "\x00\r") {
			return nil, refuse(400, "a line does not end as HTTP's do: %.60q", line)
		}
		if len(head) == 0 && len(line) > 2 {
			if _, err := parseRequestLine(string(line[:len(line)-2])); err != nil {
				return nil, err // nothing that may follow makes it one
			}
		}
		head = append(head, line...)
		if len(line) == 2 {
			if len(head) == 2 { // RFC 9112, 2.2: one empty line before the request is forgiven
				head = head[:0]
				if c, err := in.Peek(1); err != nil || c[0] == '\r' {
					return nil, refuse(400, "there is no request")
				}
				continue
			}
			return head, nil
		}
	}
}

func parseRequestLine(line string) (*Request, error) {
	words := strings.Split(line, " ")
	if len(words) != 3 {
		return nil, refuse(400, "the request line is none: %.60q", line)
	}
	method, target, version := words[0], words[1], words[2]
	if version != "HTTP/1.1" && version != "HTTP/1.0" {
		return nil, refuse(505, "%.20q is not spoken here; HTTP/1.1 is", version)
	}
	if method == "" || strings.ContainsFunc(method, func(c rune) bool { return !isToken(c) }) {
		return nil, refuse(400, "%.20q is no method", method)
	}
	if !strings.HasPrefix(target, "/") || strings.ContainsFunc(target, func(c rune) bool { return c <= ' ' || c >= 0x7f }) {
		return nil, refuse(400, "the target %.60q is no path", target)
	}
	u, err := url.ParseRequestURI(target)
	if err != nil || u.Host != "" {
		return nil, refuse(400, "the target %.60q is no path", target)
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, refuse(400, "the query is none: %v", err)
	}
	return &Request{Method: method, Path: u.Path, Query: query}, nil
}

// isToken: RFC 9110, 5.6.2.
func isToken(c rune) bool {
	return c > ' ' && c < 0x7f && !strings.ContainsRune(`"(),/:;<=>?@[\]{}`, c)
}

// bodyLength says how long the body is that follows a head; it will be thrown
// away.
func (r *Request) bodyLength() (int64, error) {
	lengths := r.Header["Content-Length"]
	if len(r.Header["Transfer-Encoding"]) > 0 {
		if len(lengths) > 0 {
			return 0, refuse(400, "a body has either a Content-Length or a Transfer-Encoding")
		}
		return 0, refuse(411, "a body needs a Content-Length; here none is wanted, parameters stand in the query")
	}
	if len(lengths) == 0 {
		return 0, nil
	}
	n, err := strconv.ParseInt(lengths[0], 10, 64)
	if err != nil || n < 0 || len(lengths) > 1 || strings.HasPrefix(lengths[0], "+") {
		return 0, refuse(400, "Content-Length %.60q is no number", strings.Join(lengths, ", "))
	}
	if n > maxBody {
		return 0, refuse(413, "no body is wanted, and surely not one of %d bytes; parameters stand in the query", n)
	}
	return n, nil
}
