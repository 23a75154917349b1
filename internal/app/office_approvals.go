package app

import (
	"context"
	"encoding/json"

	"rollcall/internal/console"
	"rollcall/internal/report"
	"rollcall/internal/store"
	"rollcall/mapper"
)

// recentQuestions is how many questions are shown that do not wait any more.
const recentQuestions = 100

// Questions reads the questions of an association; see console.Office.
func (o *office) Questions(ctx context.Context, association string, waiting bool) ([]*report.Approval, error) {
	v, err := o.View(association)
	if err != nil {
		return nil, err
	}
	rows, err := v.Store.RecentApprovals(ctx, recentQuestions)
	if waiting {
		rows, err = o.Store.Approvals(ctx, association, true)
	}
	if err != nil {
		return nil, err
	}
	all := make([]*report.Approval, len(rows))
	for i, row := range rows {
		all[i] = report.NewApproval(row, nil)
	}
	return all, nil
}

// Question reads one question; see console.Office.
func (o *office) Question(ctx context.Context, association string, id int64) (*report.Approval, error) {
	v, err := o.View(association)
	if err != nil {
		return nil, err
	}
	row, err := v.Store.Question(ctx, id)
	if err != nil {
		return nil, problemOf(err)
	}
	return report.NewApproval(row, nil), nil
}

// QuestionPeople reads people of a question; see console.Office.
func (o *office) QuestionPeople(ctx context.Context, association string, id int64, after string, limit int) ([]console.AskedPerson, error) {
	v, err := o.View(association)
	if err != nil {
		return nil, err
	}
	var place store.PairPlace
	if after != "" {
		if err := json.Unmarshal([]byte(after), &place); err != nil {
			return nil, err
		}
	}
	pairs, err := v.Store.QuestionPairs(ctx, id, place, limit)
	if err != nil {
		return nil, err
	}
	people := make([]console.AskedPerson, len(pairs))
	lines := make([]console.PersonLine, len(pairs))
	var reps []mapper.RepID
	for i, p := range pairs {
		place, err := json.Marshal(store.PairPlace{List: p.List, Address: p.Address, Op: p.Op})
		if err != nil {
			return nil, err
		}
		lines[i] = console.PersonLine{Address: p.Address, Rep: p.Rep, Reason: p.Reason, Op: p.Op}
		people[i] = console.AskedPerson{Place: string(place), ListName: p.ListName, Ended: p.Ended}
		if p.Rep != "" {
			reps = append(reps, p.Rep)
		}
	}
	if err := v.name(ctx, lines, reps); err != nil {
		return nil, err
	}
	for i := range people {
		people[i].PersonLine = lines[i]
	}
	return people, nil
}

// Answer answers a question of the association; see console.Office.
func (o *office) Answer(ctx context.Context, association string, id int64, approve bool, most int, by string) error {
	v, err := o.View(association)
	if err != nil {
		return err
	}
	row, err := v.Store.Question(ctx, id)
	if err != nil {
		return problemOf(err)
	}
	if approve && most > 0 && most < row.Open && row.Kind != mapper.HoldSource && row.Kind != mapper.HoldWentBack {
		return problemOf(v.Store.DecideUpTo(ctx, id, most, by))
	}
	return problemOf(o.Store.Decide(ctx, id, approve, by))
}
