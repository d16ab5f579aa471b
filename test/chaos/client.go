package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// client speaks to supervise as anybody can.
type client struct {
	socket string
	http   http.Client
}

func newClient(socket string) *client {
	return &client{socket, http.Client{
		Timeout: patience,
		Transport: &http.Transport{
			DisableKeepAlives: true,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, "unix", socket)
			},
		},
	}}
}

// ask gives the status of the answer, which is decoded into a value if there is
// one; an error: there was none, and what was asked for may have happened.
func (c *client) ask(method, path string, query url.Values, into any) (status int, err error) {
	r, err := http.NewRequest(method, "http://x"+path+"?"+query.Encode(), nil)
	if err != nil {
		return 0, err
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, err
	}
	if into != nil && answer.StatusCode < 300 {
		if err := json.Unmarshal(body, into); err != nil {
			return 0, fmt.Errorf("%s %s: %w: %.200s", method, path, err, body)
		}
	}
	if answer.StatusCode >= 500 { // it is full, or about to end
		return 0, fmt.Errorf("%s %s: %s: %.200s", method, path, answer.Status, body)
	}
	return answer.StatusCode, nil
}

// state is what is told of a service.
type state struct {
	Name, State, Why string
	PID, Restarts    int
	Processes        []struct{ PID int }
}

func (c *client) states() (map[string]state, error) {
	var list []state
	if _, err := c.ask("GET", "/v1/services", nil, &list); err != nil {
		return nil, err
	}
	all := map[string]state{}
	for _, s := range list {
		all[s.Name] = s
	}
	return all, nil
}

// metric sums up a counter over all services.
func (c *client) metric(name string) (sum int) {
	answer, err := c.http.Get("http://x/metrics")
	if err != nil {
		return 0
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(answer.Body)
	for line := range strings.Lines(string(text)) {
		var n int
		if rest, ok := strings.CutPrefix(line, name); ok {
			if _, value, found := strings.Cut(rest, " "); found {
				fmt.Sscan(value, &n)
				sum += n
			}
		}
	}
	return sum
}

// hostilities is how many there are.
const hostilities = 6

// hostile is a client that does one thing that it should not, until it is ended.
func (c *client) hostile(n int) (end func() error) {
	var held []net.Conn
	dial := func() net.Conn {
		conn, err := net.DialTimeout("unix", c.socket, patience)
		if err != nil {
			return nil
		}
		held = append(held, conn)
		_ = conn.SetDeadline(time.Now().Add(patience))
		return conn
	}
	send := func(text string) {
		if conn := dial(); conn != nil {
			go func() { _, _ = io.WriteString(conn, text) }() // which may take long
		}
	}
	switch n {
	case 0: // half a request
		send("POST /v1/stop?name=s000 HTT")
	case 1: // a huge one
		send("GET /" + strings.Repeat("x", 4<<20) + " HTTP/1.1\r\n\r\n")
	case 2: // a slow one
		if conn := dial(); conn != nil {
			go func() {
				for _, b := range []byte("GET /v1/info HTTP/1.1\r\nHost: x\r\nA: " + strings.Repeat("x", 1000)) {
					if _, err := conn.Write([]byte{b}); err != nil {
						return
					}
					time.Sleep(10 * time.Millisecond)
				}
			}()
		}
	case 3: // 200 that say nothing
		for range 200 {
			dial()
		}
	case 4: // garbage
		send("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00\xff\r\n\r\n")
	case 5: // followers that do not read
		for range 20 {
			send("GET /v1/events?follow=1 HTTP/1.1\r\nHost: x\r\n\r\n")
		}
	}
	return func() error {
		for _, conn := range held {
			conn.Close()
		}
		return nil
	}
}
