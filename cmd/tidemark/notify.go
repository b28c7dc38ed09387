package main

import (
	"fmt"
	"net"
	"strings"
)

// notifier tells the service manager about the state of this process.
type notifier struct {
	socket string // empty: nobody asked
}

// newNotifier takes the socket that systemd leaves in the environment.
func newNotifier(environ []string) notifier {
	for _, e := range environ {
		if socket, ok := strings.CutPrefix(e, "NOTIFY_SOCKET="); ok {
			return notifier{socket}
		}
	}
	return notifier{}
}

const (
	stateReady    = "READY=1"
	stateStopping = "STOPPING=1"
)

// send sends one state. A leading @ in the name of the socket, for the abstract
// namespace, is understood by net.
func (n notifier) send(state string) error {
	if n.socket == "" {
		return nil
	}
	conn, err := net.Dial("unixgram", n.socket)
	if err != nil {
		return fmt.Errorf("notify the service manager: %w", err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(state)); err != nil {
		return fmt.Errorf("notify the service manager: %w", err)
	}
	return nil
}
