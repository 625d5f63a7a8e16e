//! What the forms look like.

use super::*;

fn index() -> Operation {
    Operation::CreateIndex {
        schema: "public".into(),
        table: "Orders".into(),
        name: "orders_lower".into(),
        method: "btree".into(),
        keys: vec![IndexKey::expression("lower(email)"), IndexKey::column("at").descending()],
        include: vec!["total".into()],
        predicate: Some("(status = 'open')".into()),
        partitions: None,
    }
}

#[test]
fn an_index_renders_in_each_form() {
    assert_eq!(
        index().apply(),
        [
            "CREATE INDEX orders_lower ON public.\"Orders\" USING btree ((lower(email)), at DESC) INCLUDE (total) WHERE (status = 'open')",
            "ANALYZE public.\"Orders\""
        ]
    );
    assert!(index().online()[0].starts_with("CREATE INDEX CONCURRENTLY orders_lower"));
    assert_eq!(index().undo(), ["DROP INDEX public.orders_lower"]);
    assert_eq!(index().switch(), Switch::Hide(index().undo()));
    assert!(!index().transactional());
}

#[test]
fn dropping_an_index_can_be_undone_online() {
    let drop = Operation::DropIndex {
        schema: "s".into(),
        name: "i".into(),
        definition: "CREATE UNIQUE INDEX i ON s.t USING btree (a)".into(),
        partitions: None,
    };
    assert_eq!(drop.undo_online(), ["CREATE UNIQUE INDEX CONCURRENTLY i ON s.t USING btree (a)"]);
}

#[test]
fn settings_are_quoted() {
    let setting = Operation::Setting {
        name: "work_mem".into(),
        value: "64MB'; DROP TABLE x; --".into(),
        scope: SettingScope::Database("my db".into()),
        previous: None,
    };
    assert_eq!(setting.apply(), ["ALTER DATABASE \"my db\" SET work_mem TO '64MB''; DROP TABLE x; --'"]);
}

#[test]
fn the_way_back_of_a_setting_restores_what_was_there() {
    let setting = |previous: Option<&str>| Operation::Setting {
        name: "work_mem".into(),
        value: "64MB".into(),
        scope: SettingScope::Role("app".into()),
        previous: previous.map(Into::into),
    };
    assert_eq!(setting(None).undo(), ["ALTER ROLE app RESET work_mem"]);
    assert_eq!(setting(Some("8MB")).undo(), ["ALTER ROLE app SET work_mem TO '8MB'"]);
}

#[test]
fn a_constraint_is_added_first_and_validated_then() {
    let constraint = Operation::AddConstraint {
        schema: "s".into(),
        table: "t".into(),
        name: "positive".into(),
        definition: "CHECK ((a > 0))".into(),
    };
    assert_eq!(
        constraint.online(),
        [
            "ALTER TABLE s.t ADD CONSTRAINT positive CHECK ((a > 0)) NOT VALID",
            "ALTER TABLE s.t VALIDATE CONSTRAINT positive"
        ]
    );
    assert_eq!(constraint.undo(), ["ALTER TABLE s.t DROP CONSTRAINT positive"]);
}
