// A bar that says how far something is, with the number beside it.

export function Progress({ label, value }: { label: string; value: number }) {
  const percent = Math.round(value * 100);
  return (
    <div class="progress">
      <div class="progress-track" role="progressbar" aria-label={label} aria-valuemin={0} aria-valuemax={100} aria-valuenow={percent}>
        <div class="progress-done" style={{ inlineSize: `${percent}%` }} />
      </div>
      <span class="progress-words" aria-hidden="true">
        {percent}%
      </span>
    </div>
  );
}
