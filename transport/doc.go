// Package transport holds what every wire protocol of Tidemark has to agree
// on: which names are legal, which parameters a request may carry, how an error
// of the engine is shown, who may do what, and the configuration documents that
// clients set and expect to see again. It knows neither HTTP frameworks nor
// encodings of points: package transport/rest does.
package transport
