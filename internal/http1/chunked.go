package http1

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// chunked reads a body that comes in chunks, each with its length in front
// (RFC 9112, 7.1). Extensions are skipped. What follows the last chunk is left
// unread, as the connection has done its duty then.
type chunked struct {
	in   *bufio.Reader
	left int64 // of the chunk
	rest bool  // a chunk has been begun: it has an end of line behind it
	err  error
}

func (c *chunked) Read(p []byte) (int, error) {
	if c.err == nil && c.left == 0 && len(p) > 0 {
		c.left, c.err = c.next()
	}
	if c.err != nil || len(p) == 0 {
		return 0, c.err
	}
	n, err := c.in.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF // the last chunk has not been seen
	}
	c.err = err
	return n, err
}

// next reads the length of the next chunk; after the last one it gives io.EOF.
func (c *chunked) next() (int64, error) {
	if c.rest {
		line, err := c.line()
		if err == nil && len(line) > 0 {
			err = fmt.Errorf("a chunk of the answer is longer than it says: %.60q follows it", line)
		}
		if err != nil {
			return 0, err
		}
	}
	c.rest = true
	line, err := c.line()
	if err != nil {
		return 0, err
	}
	size, _, _ := bytes.Cut(line, []byte(";"))
	n, err := strconv.ParseUint(string(bytes.TrimRight(size, " \t")), 16, 63)
	if err != nil {
		return 0, fmt.Errorf("the length of a chunk of the answer is no number: %.60q", line)
	}
	if n == 0 {
		return 0, io.EOF
	}
	return int64(n), nil
}

// line reads one line, as far as the buffer holds one.
func (c *chunked) line() ([]byte, error) {
	line, err := c.in.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return nil, fmt.Errorf("the length of a chunk of the answer has no end: %.60q", line)
	case errors.Is(err, io.EOF):
		return nil, io.ErrUnexpectedEOF
	case err != nil:
		return nil, err
	}
	return bytes.TrimSuffix(line[:len(line)-1], []byte("\r")), nil
}
