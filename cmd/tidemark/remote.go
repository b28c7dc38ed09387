package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tidemark-db/tidemark/internal/client"
)

// The environment that says which server is spoken to. A key on the command line
// can be seen by all who may list processes.
const (
	envURL = "TIDEMARK_URL"
	envKey = "TIDEMARK_API_KEY"
)

const defaultURL = "http://127.0.0.1:6333"

// remote says which server a command speaks to.
type remote struct{ url, key string }

// register adds the flags, whose defaults are those of the environment. The key is
// no default, or the help would show it.
func (r *remote) register(set *pflag.FlagSet) {
	set.StringVar(&r.url, "url", "", "`URL` of the server ("+envURL+", else "+defaultURL+")")
	set.StringVar(&r.key, "api-key", "", "`key` for the server (better: "+envKey+")")
}

// connect returns a client. Nothing is sent yet.
func (r *remote) connect(environ []string) (*client.Client, error) {
	url, key := r.url, r.key
	if url == "" {
		url = environment(environ, envURL)
	}
	if url == "" {
		url = defaultURL
	}
	if key == "" {
		key = environment(environ, envKey)
	}
	c, err := client.New(client.Options{URL: url, APIKey: key, Agent: "tidemark/" + version})
	return c, usage(err)
}

// environment returns the value of a variable, "" if it is not set.
func environment(environ []string, name string) string {
	for _, each := range environ {
		if value, ok := strings.CutPrefix(each, name+"="); ok {
			return value
		}
	}
	return ""
}

// target is the collection whose snapshots are meant, or all of the storage.
type target struct{ all bool }

func (t *target) register(set *pflag.FlagSet) {
	set.BoolVar(&t.all, "all", false, "the whole storage instead of one collection")
}

// args checks arguments: a collection, unless all are meant, and more. None may
// be empty, for in a path an empty part would mean something else.
func (t *target) args(more ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		names := append([]string{"COLLECTION"}, more...)
		if t.all {
			names = more
		}
		if len(args) != len(names) {
			return fmt.Errorf("%d arguments were given, %s expected", len(args), strings.Join(append([]string{"exactly"}, names...), " "))
		}
		return noneEmpty(args)
	}
}

func noneEmpty(args []string) error {
	for _, a := range args {
		if a == "" {
			return errors.New("an argument is empty")
		}
	}
	return nil
}

// split tells the place from the other arguments.
func (t *target) split(args []string) (client.Place, []string) {
	if t.all {
		return client.Place{}, args
	}
	return client.Place{Collection: args[0]}, args[1:]
}

// inWords names a place in messages.
func inWords(p client.Place) string {
	if p.Collection == "" {
		return "the whole storage"
	}
	return fmt.Sprintf("collection %q", p.Collection)
}

// inArgs names a place as on the command line.
func inArgs(p client.Place) string {
	if p.Collection == "" {
		return "--all"
	}
	return p.Collection
}

// remoteRun is what a command does with a server.
type remoteRun func(ctx context.Context, c *cobra.Command, server *client.Client, args []string) error

// withServer returns the RunE of a command that speaks to a server. Its errors
// say what to try next.
func (a *app) withServer(r *remote, run remoteRun) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		server, err := r.connect(a.environ)
		if err != nil {
			return err
		}
		defer server.Close()
		return advise(run(c.Context(), c, server, args))
	}
}
