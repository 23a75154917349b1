package setup

import (
	"fmt"
	"strings"
)

// Script is the contract as one file for psql, to be handed to a DBA.
func (c Contract) Script() (string, error) {
	parts, err := c.parts()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(`-- What Rollcall needs in the member database. Run it as the owner of the member
-- tables, who must also be allowed to create roles:
--     psql -v ON_ERROR_STOP=1 -d DATABASE -f THIS_FILE
-- All but the slot is one transaction: what is refused leaves nothing behind.
-- It may be run again. To undo it: sql/uninstall/uninstall.sql

begin;
set local lock_timeout = '` + lockPatience + `';

`)
	for i, p := range parts {
		fmt.Fprintf(&b, "-- ---- %s ----\n\n", p.name)
		if i == 1 {
			b.WriteString(keepWatches + "\n\n" + p.text + "\n" + restoreWatches + "\n\n")
			continue
		}
		b.WriteString(p.text + "\n")
	}
	b.WriteString("commit;\n")
	if c.Slot != "" {
		fmt.Fprintf(&b, `
-- ---- the slot ----
-- After the publication, because a slot that is older than its publication never
-- works. From now on the server keeps its write-ahead log until Rollcall has
-- read it: start Rollcall soon. Left out, Rollcall makes the slot itself.
begin;
set local lock_timeout = '20s'; -- it waits for older transactions
do $do$
begin
    if exists (select from pg_replication_slots where slot_name = '%[1]s') then
        return;
    elsif current_setting('server_version_num')::integer >= 170000 then -- a stand-by can take it over
        perform pg_create_logical_replication_slot('%[1]s', 'pgoutput', failover => true);
    else
        perform pg_create_logical_replication_slot('%[1]s', 'pgoutput');
    end if;
end
$do$;
commit;
`, c.Slot)
	}
	return b.String(), nil
}
