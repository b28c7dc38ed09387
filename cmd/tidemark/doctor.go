package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/tidemark-db/tidemark/cmd/tidemark/internal/doctor"
	"github.com/tidemark-db/tidemark/config"
	"github.com/tidemark-db/tidemark/internal/progress"
	"github.com/tidemark-db/tidemark/snapshot/blob/s3"
)

// doctorReport is what `doctor -o json` prints.
type doctorReport struct {
	Healthy  bool             `json:"healthy"` // nothing failed
	Findings []doctor.Finding `json:"findings"`
}

func (a *app) newDoctorCommand() *cobra.Command {
	var (
		output   outputFlag
		url      string
		duration time.Duration
	)
	c := flagged(&cobra.Command{
		Use:   "doctor",
		Short: "Look for what might make the server slow, refuse work or lose data",
		Long: "Look at the configuration, the disks of storage and snapshots, their room, limits of the system, the bucket,\n" +
			"clocks and the running server, if there is one. Run it as the user and with the configuration of the server.\n" +
			"Beside a running server it is harmless: it writes up to 128 MiB into each directory, and removes that again.\n" +
			"Ends with 0 if nothing failed, warnings or not; 1 if something did; 2 if the command line is wrong.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if duration <= 0 {
				return usage(errors.New("--duration must be more than nothing"))
			}
			report, err := a.examine(c.Context(), url, duration)
			if err != nil {
				return err
			}
			if err := showReport(c.OutOrStdout(), report, output, a.coloured(c.OutOrStdout())); err != nil {
				return err
			}
			if n := doctor.Count(report.Findings, doctor.Fail); n > 0 {
				return fmt.Errorf("%d check(s) failed", n)
			}
			return nil
		},
	}, &output)
	c.Flags().StringVar(&url, "url", "", "`URL` of the running server ("+envURL+", else as configured)")
	c.Flags().DurationVar(&duration, "duration", 2*time.Second, "about how long each disk is measured")
	return c
}

// examine does all checks.
func (a *app) examine(ctx context.Context, url string, duration time.Duration) (doctorReport, error) {
	loaded, err := a.load()
	if loaded == nil {
		return doctorReport{}, err
	}
	c := loaded.Config
	o := doctor.Options{
		Storage: c.Storage.StoragePath, Snapshots: c.Storage.SnapshotsPath, Reserve: diskReserveBytes(c),
		Memory: memoryBytes(a.root, goMemoryLimit()), Root: a.root, Duration: duration,
		AskServer: func(ctx context.Context) (doctor.Server, error) { return askServer(ctx, a.serverURL(url, c.Service)) },
	}
	if strings.EqualFold(c.Storage.SnapshotsConfig.SnapshotsStorage, config.SnapshotsS3) {
		o.TryBucket = func(ctx context.Context) error { return tryBucket(ctx, c) }
	}
	findings := doctor.Configuration(loaded, err, !isLoopback(c.Service.Host))
	more, err := doctor.Examine(ctx, o)
	if err != nil {
		return doctorReport{}, &exitError{exitInterrupted, errors.New("interrupted")}
	}
	findings = append(findings, more...)
	return doctorReport{Healthy: doctor.Count(findings, doctor.Fail) == 0, Findings: findings}, nil
}

// tryBucket tries the bucket for at most a minute: retries of an endpoint that is
// not there take about half of it.
func tryBucket(ctx context.Context, c config.Config) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	o, err := bucketOptions(c)
	if err != nil {
		return err
	}
	return s3.Try(ctx, o)
}

// serverURL is where the running server is asked; "" if its port is any free one.
func (a *app) serverURL(given string, s config.Service) string {
	if given == "" {
		given = environment(a.environ, envURL)
	}
	if given == "" && s.HTTPPort != 0 {
		given = "http://" + net.JoinHostPort(localHost(s.Host), strconv.Itoa(s.HTTPPort))
	}
	return given
}

// askServer asks whether a server is ready and what time it has.
func askServer(ctx context.Context, url string) (doctor.Server, error) {
	if url == "" {
		return doctor.Server{}, errors.New("service.http_port is 0, any free port; say where it is with --url")
	}
	const patience = 5 * time.Second
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(url, "/")+"/readyz", nil)
	if err != nil {
		return doctor.Server{}, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	defer transport.CloseIdleConnections()
	answer, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return doctor.Server{}, err
	}
	defer answer.Body.Close()
	date, err := http.ParseTime(answer.Header.Get("Date"))
	if err != nil {
		date = time.Time{} // it does not say
	}
	return doctor.Server{URL: url, Ready: answer.StatusCode == http.StatusOK, Date: date}, nil
}

// coloured reports whether w is a terminal whose user wants colours.
func (a *app) coloured(w io.Writer) bool {
	return progress.Width(w) > 0 && environment(a.environ, "NO_COLOR") == "" && environment(a.environ, "TERM") != "dumb"
}

func showReport(w io.Writer, r doctorReport, output outputFlag, coloured bool) error {
	if output.json() {
		return printJSON(w, r)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, f := range r.Findings {
		fmt.Fprintf(t, "%s\t%s\t%s\n", shade(f.Status, coloured), f.Check, clean(f.Found))
		if f.Meaning != "" {
			fmt.Fprintf(t, "%s\t\tmeans: %s\n", blank(coloured), clean(f.Meaning))
		}
		if f.Advice != "" {
			fmt.Fprintf(t, "%s\t\tdo: %s\n", blank(coloured), clean(f.Advice))
		}
	}
	return t.Flush()
}

const plain = "\x1b[0m"

// shade colours a status. All escapes have the same length, so that columns stay
// in line.
func shade(s doctor.Status, coloured bool) string {
	colours := map[doctor.Status]string{doctor.OK: "\x1b[32m", doctor.Warn: "\x1b[33m", doctor.Fail: "\x1b[31m", doctor.Skip: "\x1b[90m"}
	if !coloured {
		return string(s)
	}
	return colours[s] + string(s) + plain
}

// blank is an empty cell in the column of statuses.
func blank(coloured bool) string {
	if !coloured {
		return ""
	}
	return "\x1b[39m" + plain
}
