package local

import "context"

// Quiesce waits until the log does nothing in the background.
func (l *Log) Quiesce(ctx context.Context) error {
	if _, err := l.Last(ctx); err != nil {
		return err
	}
	l.token <- struct{}{}
	defer func() { <-l.token }()
	if l.spare != nil {
		<-l.spare.ready
	}
	return nil
}

// Hold keeps everybody from writing until release, as a long sync does.
func (l *Log) Hold() (release func()) {
	l.token <- struct{}{}
	return func() { <-l.token }
}
