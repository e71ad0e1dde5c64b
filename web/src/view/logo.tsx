// The mark of triproom: a door that opens on a road. Drawn here so that it follows the theme.

export function Logo({ size = 24 }: { size?: number }) {
  return (
    <svg class="logo" width={size} height={size} viewBox="0 0 24 24" aria-hidden="true">
      <rect class="logo-ground" width="24" height="24" rx="6" />
      <path class="logo-line" d="M7 19V9a5 5 0 0 1 10 0v10M12 19v-2m0-3v-2" />
    </svg>
  );
}
