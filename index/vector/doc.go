// Package vector compares a query with stored dense vectors, exactly, and keeps
// the best of those it saw.
//
// A Scorer reads vectors where they lie, in their datatype; nothing is decoded
// first. A TopK keeps the best k by score and breaks ties by an order of its
// caller, so that the same data gives the same answer however it is laid out in
// parts.
package vector
