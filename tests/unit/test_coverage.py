"""`bench/coverage.py` reads histories of four tools, and says what `ec` can carry of them."""

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "bench" / "coverage.py"
ALEMBIC = '''
"""A version."""
from alembic import op
import sqlalchemy as sa
def upgrade():
    op.create_table("t", sa.Column("id", sa.Integer))
    op.add_column("t", sa.Column("a", sa.Text(), nullable=False, server_default="x"))
    with op.batch_alter_table("t") as batch_op:
        batch_op.alter_column("a", new_column_name="b", type_=sa.Text(), nullable=False)
    op.execute("UPDATE t SET b = ';' WHERE b IS NULL; CREATE INDEX i ON t (b)")
    op.execute(sa.text(f"DELETE FROM t WHERE id = {sa}"))
    op.execute(t.update().values(b="y"))
    op.drop_constraint("k", "t")
def downgrade():
    op.drop_table("t")
'''
DJANGO = """
from django.db import migrations, models
class Migration(migrations.Migration):
    operations = [
        migrations.CreateModel(name="Page", fields=[
            ("title", models.CharField(max_length=9, null=True)), ("note", models.TextField(help_text="x")),
        ]),
        migrations.AlterField("page", "title", models.CharField(max_length=9)),
        migrations.AlterField("page", "note", models.TextField(help_text="y")),
        migrations.RunPython(forward),
        migrations.RunSQL("ALTER TABLE app_page DROP COLUMN x, ADD CONSTRAINT c CHECK (y > 0) NOT VALID"),
        migrations.SeparateDatabaseAndState(state_operations=[migrations.RemoveField("page", "note")]),
    ]
"""
RAILS = """
class Change < ActiveRecord::Migration[7.1]
  def up
    create_table :posts do |t|
      t.string :title
    end
    change_table :posts do |t|
      t.rename :title, :name
    end
    add_reference :posts, :user, null: false, foreign_key: true
    # remove_column :posts, :old
    change_column_null :posts, :name, false
    execute <<~SQL
      ALTER TABLE "odd posts" VALIDATE CONSTRAINT "a b"
    SQL
  end

  def down
    drop_table :posts
  end
end
"""
SQL = """
-- DROP TABLE a;
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1; DROP TABLE a; $$;
ALTER TABLE ONLY a ALTER COLUMN "b c" TYPE numeric(9, 2), RENAME TO d;
ALTER TABLE a ADD EXCLUDE USING gist (x WITH =);
SELECT setval('s', 1);
-- +goose Down
DROP TABLE a;
"""


def test_what_four_histories_do(tmp_path: Path) -> None:
    """Each operation is found once, and named by the kind that carries it; a way back is none."""
    for name, text in {
        "versions/a1_first.py": ALEMBIC,
        "app/migrations/0001_initial.py": DJANGO,
        "app/migrations/__init__.py": "",
        "db/migrate/1_change.rb": RAILS,
        "sql/001.sql": SQL,
        "sql/001.down.sql": "DROP TABLE a",
        "sql/002.sql.sqlite": "DROP TABLE a",
        "sql/003.sql": "CREATE TABLE b (id int)",
        "versions/broken.py": "from alembic import op\ndef upgrade(:",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    said = subprocess.run(
        [sys.executable, str(SCRIPT), str(tmp_path), "--json"], check=True, capture_output=True, text=True
    )
    found = json.loads(said.stdout)
    assert found["by_kind"] == {
        "add-column": 2,
        "add-index": 2,
        "change-type": 2,
        "rename-column": 2,
        "set-not-null": 3,
        "update-rows": 2,
        "add-check": 1,
        "add-foreign-key": 1,
        "delete-rows": 1,
        "drop-column": 1,
        "drop-constraint": 1,
        "rename-table": 1,
        "validate-constraint": 1,
    }
    assert found["left"] == {"unread: a program moves rows": 1, "add exclusion": 1, "unread: the file": 1}
    assert (found["nothing"], found["operations"]) == (8, 31)
    assert (found["migrations"], found["with_work"]) == (6, 5)
    assert (found["whole"], found["whole_with_work"]) == (3, 2)


def test_the_table_is_for_people(tmp_path: Path) -> None:
    """Shares add up to the end; a folder that is not there is named."""
    (tmp_path / "1.sql").write_text("ALTER TABLE a DROP b; TRUNCATE a")
    said = subprocess.run(
        [sys.executable, str(SCRIPT), str(tmp_path)], check=True, capture_output=True, text=True
    ).stdout
    assert "| drop-column | 1 | 50.0 % |" in said
    assert "| truncate | 1 | 50.0 % |" in said
    assert "Migrations carried whole: 0 of 1, 0.0 %." in said
    away = subprocess.run(
        [sys.executable, str(SCRIPT), "nowhere"], check=False, capture_output=True, text=True
    )
    assert away.returncode != 0
    assert "nowhere" in away.stderr
