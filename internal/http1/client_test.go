package http1

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httputil"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

func TestAnswersAreRead(t *testing.T) {
	for _, c := range []struct{ method, answer, status, body string }{
		{"GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokay", "200 OK", "ok"},
		{"GET", "HTTP/1.0 200 OK\r\n\r\nuntil the end", "200 OK", "until the end"},
		{"GET", "HTTP/1.1 200\n\nbare newlines", "200 ", "bare newlines"},
		{"GET", "HTTP/1.1 503 Service  Unavailable \r\nContent-Length: 0\r\n\r\nx", "503 Service  Unavailable", ""},
		{"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "200 OK", ""},
		{"GET", "HTTP/1.1 204 No Content\r\n\r\nx", "204 No Content", ""},
		{"GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", "304 Not Modified", ""},
		{"GET", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", "200 OK", "x"},
		{"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n00A ;ext=\"1\"\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n", "200 OK", "abc0123456789"},
		{"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n2\nab\n0\n\n", "200 OK", "ab"},
		{"GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok", "200 OK", "ok"},
	} {
		r, err := readResponse(iotest.OneByteReader(strings.NewReader(c.answer)), c.method)
		if err != nil {
			t.Errorf("%q: %v", c.answer, err)
			continue
		}
		body, err := io.ReadAll(r.Body)
		if got := fmt.Sprintf("%d %s", r.Status, r.Reason); err != nil || got != c.status || string(body) != c.body {
			t.Errorf("%q: %q with %q, %v; want %q with %q", c.answer, got, body, err, c.status, c.body)
		}
	}
}

func TestWrongAnswersAreNamed(t *testing.T) {
	for answer, want := range map[string]string{
		"":                                    "closed before an answer had come",
		"HTTP/1.1 200 OK\r\nA: b":             "closed before an answer had come",
		"SSH-2.0-OpenSSH_9.2\r\n":             `no HTTP: "SSH-2.0-OpenSSH_9.2"`,
		"HTTP/2 200\r\n\r\n":                  "no HTTP",
		"HTTP/1.1 +20 OK\r\n\r\n":             "no HTTP",
		"HTTP/1.1 099 OK\r\n\r\n":             "no HTTP",
		"HTTP/1.1 2000 OK\r\n":                "no HTTP",
		"HTTP/1.1 200 OK\r\nno colon\r\n\r\n": "no HTTP",
		"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n":                                                 "Content-Length",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nok":                           "Content-Length",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n":                                            `"gzip"`,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n":                                   `"gzip, chunked"`,
		"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok":                                                "unexpected EOF",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n":                                   `no number: "zz"`,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n":                                   "no number",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n":                                     "no number",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nx":                    "no number",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7fffffffffffffff\r\nx":                    "unexpected EOF",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n":                     "longer than it says",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n":                              "unexpected EOF",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;" + strings.Repeat("x", 5000):           "has no end",
		"HTTP/1.1 200 " + strings.Repeat("x", maxAnswerHead):                                            "more than 65536 bytes",
		"HTTP/1.1 200 OK\r\n" + strings.Repeat("A: b\r\n", maxAnswerHead/6):                             "more than 65536 bytes",
		strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", maxInterim) + "HTTP/1.1 200 OK\r\n\r\n":         "say to wait",
		strings.Repeat("HTTP/1.1 102 Processing\r\nA: "+strings.Repeat("x", 20<<10)+"\r\n\r\n", 4) + "": "more than 65536 bytes",
	} {
		r, err := readResponse(strings.NewReader(answer), "GET")
		if err == nil {
			_, err = io.ReadAll(r.Body)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.80q: %v, want %q", answer, err, want)
		}
	}
}

func TestQuestionsAreWritten(t *testing.T) {
	for _, c := range []struct {
		q    Question
		want string
	}{
		{Question{Method: "GET", Target: "/a?b", Host: "h:80"}, "GET /a?b HTTP/1.1\r\nHost: h:80\r\nConnection: close\r\n\r\n"},
		{Question{"HEAD", "/", "h", []string{"A: b", "host: other"}}, "HEAD / HTTP/1.1\r\nA: b\r\nhost: other\r\nConnection: close\r\n\r\n"},
		{Question{Method: "GET", Target: "/a b"}, ""},
		{Question{Method: "GET", Target: "/", Host: "a\r\nB: c"}, ""},
		{Question{Method: "GET", Target: "/", Header: []string{"A: b\r\nC: d"}}, ""},
	} {
		got, err := c.q.bytes()
		if diff := cmp.Diff(c.want, string(got)); diff != "" || (err == nil) == (c.want == "") {
			t.Errorf("%+v: %v (-want +got):\n%s", c.q, err, diff)
		}
	}
}

// The server never answers: the end of the context is what ends the question.
func TestAskEndsWithItsContext(t *testing.T) {
	here, there := net.Pipe()
	defer there.Close()
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("because")
	go func() {
		_, _ = there.Read(make([]byte, 1000))
		cancel(why)
	}()
	if _, err := Ask(ctx, here, Question{Method: "GET", Target: "/"}); !errors.Is(err, why) {
		t.Errorf("%v, want %v", err, why)
	}
	if _, err := there.Write([]byte("x")); err == nil {
		t.Error("the connection is open")
	}
}

// FuzzResponse wants any answer either read to its end or refused, and never
// more body than there were bytes. What the standard library writes as chunks
// has to come out as it was.
func FuzzResponse(f *testing.F) {
	for _, seed := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "HTTP/1.1 100 C\r\n\r\nHTTP/1.1 503 No\r\nA: b\r\n c\r\n\r\nno",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n0\r\n\r\n",
	} {
		f.Add([]byte(seed), 3)
	}
	f.Fuzz(func(t *testing.T, answer []byte, size int) {
		if r, err := readResponse(bytes.NewReader(answer), "GET"); err == nil {
			body, _ := io.ReadAll(r.Body)
			if len(body) > len(answer) || r.Status < 100 || r.Status > 999 {
				t.Fatalf("status %d, body %q", r.Status, body)
			}
		}
		var sent bytes.Buffer
		sent.WriteString("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
		w := httputil.NewChunkedWriter(&sent)
		for rest := answer; len(rest) > 0; {
			n := min(len(rest), max(1, size&0xfff))
			if _, err := w.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		w.Close()
		r, err := readResponse(iotest.HalfReader(bytes.NewReader(sent.Bytes())), "GET")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r.Body); err != nil || !bytes.Equal(got, answer) {
			t.Fatalf("%q, %v; want %q", got, err, answer)
		}
	})
}
