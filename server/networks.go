package server

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"testing/fstest"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/faults"
)

// Check implements allotv1.NetworkServiceServer.
func (s *Server) Check(_ context.Context, request *allotv1.CheckRequest) (*allotv1.CheckResponse, error) {
	cut(&request.Files, maxFiles)
	from, err := s.sourceOf(request, request.GetFiles())
	if err != nil {
		return nil, err
	}
	snap, _, err := from.read(nil)
	if bad, ok := asFaults(err); ok {
		out := &allotv1.CheckResponse{}
		for _, f := range bad {
			out.Faults = append(out.Faults, writeFault(f))
		}
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	return &allotv1.CheckResponse{Network: summary(snap)}, nil
}

func writeFault(f faults.Fault) *allotv1.Fault {
	return &allotv1.Fault{File: f.File, Row: int32(f.Row), Column: int32(f.Column), Field: f.Field, Problem: f.Problem, Mend: f.Mend}
}

// Load implements allotv1.NetworkServiceServer.
func (s *Server) Load(_ context.Context, request *allotv1.LoadRequest) (*allotv1.LoadResponse, error) {
	cut(&request.Files, maxFiles)
	from, err := s.sourceOf(request, request.GetFiles())
	if err != nil {
		return nil, err
	}
	before := s.network.Load().snap.Version
	if err := s.load(from, request.GetSetStock()); err != nil {
		return nil, err
	}
	snap := s.network.Load().snap
	s.cfg.Log.Info("network loaded", "request", request.GetRequestId(), "network", snap.Version, "before", before,
		"warehouses", len(snap.Warehouses), "services", len(snap.Services), "skus", len(snap.SKUs.IDs), "set_stock", request.GetSetStock())
	return &allotv1.LoadResponse{Network: summary(snap)}, nil
}

// Current implements allotv1.NetworkServiceServer.
func (s *Server) Current(context.Context, *allotv1.CurrentRequest) (*allotv1.CurrentResponse, error) {
	n := s.network.Load()
	return &allotv1.CurrentResponse{
		Network: summary(n.snap), LoadedAt: instant(&timestamppb.Timestamp{}, n.since), Time: instant(&timestamppb.Timestamp{}, s.now()),
	}, nil
}

// sourceOf returns where the network comes from that a request is about: its files, or those the server began with.
func (s *Server) sourceOf(request proto.Message, files []*allotv1.NetworkFile) (source, error) {
	var fl faults.List
	violations(request, &fl)
	dir := filesOf(files, &fl)
	if err := fl.Err(); err != nil {
		return source{}, err
	}
	if len(files) == 0 {
		return s.own(), nil
	}
	return sourceIn(dir), nil
}

// filesOf is the directory of files that were sent.
func filesOf(files []*allotv1.NetworkFile, fl *faults.List) fs.FS {
	dir := fstest.MapFS{} // the standard library's one file system in memory
	for i, f := range files {
		field := fmt.Sprintf("files[%d].name", i)
		switch _, twice := dir[f.GetName()]; {
		case f.GetName() == "":
		case !fs.ValidPath(f.GetName()):
			fl.Addf("", 0, 0, field, "write a path within the directory with slashes, as cards/ground.yaml", "%.100q is no such path", f.GetName())
		case twice:
			fl.Addf("", 0, 0, field, "send each file once", "a second file %.100q", f.GetName())
		default:
			dir[f.GetName()] = &fstest.MapFile{Data: f.GetContent()}
		}
	}
	return dir
}

// own is where the network comes from that the server began with.
func (s *Server) own() source {
	if s.cfg.Load != nil {
		return source{read: s.cfg.Load}
	}
	return sourceIn(s.cfg.Files)
}

// sourceIn is a network in a directory. The files are kept as they were read, whatever becomes of the directory.
func sourceIn(dir fs.FS) source {
	r := &recorder{dir: dir, files: fstest.MapFS{}}
	return source{
		read: func(prev *network.Rows) (*network.Snapshot, *network.Stock, error) { return network.LoadFS(r, prev) },
		kept: func() fs.FS { return r.files },
	}
}

// A recorder is a directory that keeps the files that are read from it, but for the stock, which is no part of a network.
type recorder struct {
	dir   fs.FS
	files fstest.MapFS
}

// Open implements fs.FS.
func (r *recorder) Open(name string) (fs.File, error) {
	if r.files[name] != nil {
		return r.files.Open(name)
	}
	f, err := r.dir.Open(name)
	if err != nil || name == network.StockFile {
		return f, err
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return f, err
	}
	defer func() { _ = f.Close() }() // it is only read
	content, err := io.ReadAll(f)
	if err != nil {
		return nil, err
	}
	r.files[name] = &fstest.MapFile{Data: content}
	return r.files.Open(name)
}

// summary counts what can be used: rows kept for what is gone are left out.
func summary(snap *network.Snapshot) *allotv1.NetworkSummary {
	out := &allotv1.NetworkSummary{Version: snap.Version, Name: snap.Name, Currency: snap.Currency, Services: int32(len(snap.Services))}
	for i := range snap.Warehouses {
		if !snap.Warehouses[i].Closed {
			out.Warehouses++
		}
	}
	for _, gone := range snap.SKUs.Gone {
		if !gone {
			out.Skus++
		}
	}
	return out
}
