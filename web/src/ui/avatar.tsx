import { useData } from "../data/context.ts";
import { initialsOf } from "../domain/names.ts";

const HUES = 8;

/** A person's picture, or their initials on a colour that is always the same for them. */
export function Avatar({ person, size = 28 }: { person: { id: string; name: string; avatar: string }; size?: number }) {
  const { team } = useData();
  const url = team.avatarURL(person);
  const style = { width: `${size}px`, height: `${size}px`, fontSize: `${Math.round(size * 0.38)}px` };
  if (url) return <img class="avatar" src={url} alt="" style={style} draggable={false} />;
  return (
    <span class={`avatar hue-${hueOf(person.id)}`} style={style} aria-hidden="true">
      {initialsOf(person.name)}
    </span>
  );
}

function hueOf(id: string): number {
  let sum = 0;
  for (const char of id) sum = (sum * 31 + char.charCodeAt(0)) >>> 0;
  return sum % HUES;
}
