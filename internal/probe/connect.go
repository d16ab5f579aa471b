package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"syscall"

	"supervise/internal/config"
	"supervise/internal/http1"
)

// connect says whether a connection is accepted. It is closed at once.
func connect(ctx context.Context, p *config.Probe) error {
	network, address := "tcp", p.Address
	if path, ok := strings.CutPrefix(p.Address, "unix://"); ok {
		network, address = "unix", path
	}
	conn, err := dial(ctx, network, address)
	if err != nil {
		return fmt.Errorf("%s: %w", p.Address, err)
	}
	return conn.Close()
}

// dial connects. The error is the reason alone: what was called, the caller
// knows.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := net.Dialer{KeepAlive: -1} // nothing is kept
	conn, err := dialer.DialContext(ctx, network, address)
	if err == nil {
		return conn, nil
	}
	// The dialer sees the deadline on its own, maybe just before ctx does.
	if e := (net.Error)(nil); errors.As(err, &e) && e.Timeout() && !errors.Is(err, syscall.ETIMEDOUT) {
		<-ctx.Done()
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return nil, reason(err)
}

// reason takes away what package net puts around an error.
func reason(err error) error {
	if e := (*net.DNSError)(nil); errors.As(err, &e) {
		return fmt.Errorf("looking up %s: %s", e.Name, e.Err)
	}
	if e := (*os.SyscallError)(nil); errors.As(err, &e) {
		return e.Err
	}
	if e := syscall.Errno(0); errors.As(err, &e) {
		return e
	}
	if e := (*net.OpError)(nil); errors.As(err, &e) {
		return e.Err
	}
	return err
}

const (
	maxBody    = 64 << 10 // of a body, to be matched or passed over
	maxExcerpt = 1 << 10  // of a body that says what is wrong
)

// ask sends a request and holds the answer against what is wanted.
func ask(ctx context.Context, p *config.Probe) error {
	err := exchange(ctx, p)
	if err != nil {
		return fmt.Errorf("%s %s: %w", p.Method, p.URL, err)
	}
	return nil
}

func exchange(ctx context.Context, p *config.Probe) error {
	network, address, q, err := question(p)
	if err != nil {
		return err
	}
	conn, err := dial(ctx, network, address)
	if err != nil {
		return err
	}
	r, err := http1.Ask(ctx, conn, q)
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return shown(err)
	}
	defer r.Close()
	if !slices.ContainsFunc(p.Status, func(s config.StatusRange) bool { return s.From <= r.Status && r.Status <= s.To }) {
		return refused(r)
	}
	if p.Body == nil {
		// Whoever still writes would find us gone, and many servers log that.
		_, _ = io.CopyN(io.Discard, r.Body, maxBody)
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return shown(err)
	case p.Body.Match(body):
		return nil
	}
	if len(body) == maxBody {
		return fmt.Errorf("the first %d bytes of the answer do not match %s", maxBody, p.Body)
	}
	if line := oneLine(body); line != "" {
		return fmt.Errorf("the answer does not match %s: %s", p.Body, line)
	}
	return fmt.Errorf("the answer is empty, and does not match %s", p.Body)
}

// question finds out from the URL whom to call, and what to ask.
func question(p *config.Probe) (network, address string, q http1.Question, err error) {
	q = http1.Question{Method: p.Method, Header: p.Header}
	if rest, ok := strings.CutPrefix(p.URL, "unix://"); ok {
		socket, target, _ := strings.Cut(rest, ":")
		q.Host, q.Target = "localhost", target // as curl --unix-socket has it
		return "unix", socket, q, nil
	}
	u, err := url.Parse(p.URL)
	if err != nil {
		return "", "", q, err
	}
	q.Host, q.Target = strings.TrimSuffix(u.Host, ":80"), u.RequestURI()
	return "tcp", u.Host, q, nil
}

// refused tells a status that is not wanted, with the first line of what the
// server says about it, if that comes soon enough.
func refused(r *http1.Response) error {
	why := strings.TrimSpace(fmt.Sprintf("%d %s", r.Status, oneLine([]byte(r.Reason))))
	excerpt, _ := io.ReadAll(io.LimitReader(r.Body, maxExcerpt))
	if line := oneLine(excerpt); line != "" && !strings.HasPrefix(line, "<") { // not of HTML
		why += ": " + line
	}
	return errors.New(why)
}

// shown makes an error that may have foreign text in it, and more than its
// reason, fit to be shown.
func shown(err error) error {
	if e := (*net.OpError)(nil); errors.As(err, &e) {
		return reason(err)
	}
	if err == io.ErrUnexpectedEOF {
		return errors.New("the connection was closed in the middle of the answer")
	}
	return errors.New(oneLine([]byte(err.Error())))
}
