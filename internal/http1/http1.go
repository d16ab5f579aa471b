// Package http1 is as much of HTTP/1.1 (RFC 9112) as a control socket needs:
// one request on each connection, a small head, no body to speak of, and an
// answer that ends with the connection.
//
// net/http would do all of that and more, and costs 2.6 MB of resident memory
// in a program that has 6 (measured with Go 1.26), which PID 1 of a container
// pays for as well. What a head is, is left to net/textproto.
package http1
